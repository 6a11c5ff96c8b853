"""What sampling and encoding compute, as one graph of tensor operations that other programs can run."""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from tsinfogan.errors import SettingError
from tsinfogan.models.flow import FlowGenerator
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.torch_forward import NetworkValues
from tsinfogan.preprocessing.torch_inverse import RawSeries


class SampleGraph(nn.Module):
    """From noise and codes to series in raw units, as :func:`tsinfogan.sample` makes them, on the CPU.

    Attributes:
        model: whose series they are; its networks must be on the CPU.

    Example:
        >>> import torch
        >>> from tsinfogan import fit, load_dataset
        >>> from tsinfogan.sharing.graph import SampleGraph
        >>> panel = load_dataset("sines", "train").subset(slice(0, 40))
        >>> model = fit(panel, n_categories=(3,), width=4, settings={"max_steps": 2, "pretraining_steps": 0})
        >>> graph = SampleGraph(model)
        >>> noise = torch.randn(2, model.settings.latent.noise_dim)
        >>> injected_noise = torch.randn(2, model.injected_noise_dim)
        >>> values, lengths = graph(noise, injected_noise, torch.tensor([0, 2]), torch.zeros(2), torch.zeros(2))
        >>> values.shape, lengths
        (torch.Size([2, 5, 24]), tensor([24, 24]))
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model, self.generator = model, model.generator
        self.raw_series = RawSeries(model.preprocessor, model.device)
        # A tensor decides which way a flow generator goes; in a graph that is settled.
        self.is_flow = isinstance(model.generator, FlowGenerator)
        self.carries = self.is_flow and bool(model.generator.trained)

    def forward(self, noise: Tensor, injected_noise: Tensor, *codes: Tensor) -> tuple[Tensor, Tensor]:
        """Series and their lengths.

        Args:
            noise: ``(n, noise_dim)`` standard normal numbers.
            injected_noise: ``(n, injected_noise_dim)`` likewise.
            codes: one ``(n,)`` tensor a code: int64 categories, float32 continuous values.

        Returns:
            ``(n, n_channels, greatest length)`` float32 in raw units, NaN beyond the length (of images
            ``(n, n_channels, height, width)``), and ``(n,)`` int64.
        """
        latent = self.model.latent(noise, codes)
        generate = self.generator
        if self.is_flow:
            generate = generate.carried if self.carries else generate.from_inner  # type: ignore[assignment]
        return self.raw_series(generate(latent, injected_noise))


class EncodeGraph(nn.Module):
    """From series in raw units to their codes, as :func:`tsinfogan.encode` reads them, on the CPU.

    Args:
        model: whose codes they are; its networks must be on the CPU.

    Raises:
        SettingError: the model has no codes, its Q was not trained, or its series are too long.

    Example:
        >>> import torch
        >>> from tsinfogan import fit, load_dataset
        >>> from tsinfogan.sharing.graph import EncodeGraph
        >>> panel = load_dataset("sines", "train").subset(slice(0, 40))
        >>> model = fit(panel, n_categories=(3,), width=4, settings={"max_steps": 2, "pretraining_steps": 0})
        >>> graph = EncodeGraph(model)
        >>> dict(zip(graph.outputs, (tuple(each.shape) for each in graph(torch.from_numpy(panel.values)))))
        {'cat': (40,), 'cat_probabilities': (40, 3), 'cont0': (40,), 'cont1': (40,)}
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        if reason := model.settings.why_unreadable:
            raise SettingError(f"{reason}; train with recipe infogan, semi_supervised or acgan to read codes in series")
        if not model.settings.latent.codes:
            raise SettingError("the model has no codes that could be read in series; train one with codes")
        self.model, self.discriminator = model, model.discriminator
        self.network_values = NetworkValues(model.preprocessor)

    @property
    def outputs(self) -> tuple[str, ...]:
        """What each tensor that it gives is: a code by column name, or the probabilities of its categories."""
        latent = self.model.settings.latent
        columns = zip(latent.columns, latent.codes, strict=True)
        names = ((name, f"{name}_probabilities") if code.is_categorical else (name,) for name, code in columns)
        return tuple(itertools.chain(*names))

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, ...]:
        """Codes of series.

        Args:
            values: ``(n, n_channels, greatest length)`` float32 in raw units, anything beyond the length; or
                ``(n, n_channels, *grid)`` where all series are of one size.
            lengths: ``(n,)`` int64; only where series are resampled.

        Returns:
            By :attr:`outputs`: ``(n,)`` int64 or float32 codes, ``(n, n_categories)`` probabilities.
        """
        model, network = self.model, self.discriminator
        features = network.recognition_features(self.network_values(values, lengths))  # (n, feature_dim)
        latent, found = model.settings.latent, []
        for column, code, parameters in zip(
            latent.columns, latent.codes, network.posteriors(network.q, features), strict=True
        ):
            found.append(code.estimate(parameters))
            if code.is_categorical:
                is_first = column == model.settings.category_column
                found.append(code.features(parameters / model.temperature if is_first else parameters))
        return tuple(found)


class FlowStart(nn.Module):
    """What a :class:`SampleGraph` with flow matching does first; :class:`FlowStep` follows with each of ``paces``.

    In three parts, a file holds the network of the steps once. Together they are :meth:`FlowGenerator.carried`.
    """

    def __init__(self, whole: SampleGraph) -> None:
        super().__init__()
        self.model, self.generator = whole.model, whole.generator

    def forward(self, noise: Tensor, injected_noise: Tensor, *codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As :meth:`SampleGraph.forward`, to what :meth:`FlowGenerator.begin` gives."""
        return self.generator.begin(self.model.latent(noise, codes), injected_noise)  # type: ignore[no-any-return, operator]


class FlowStep(nn.Module):
    """One step along the velocity."""

    def __init__(self, whole: SampleGraph) -> None:
        super().__init__()
        self.generator = whole.generator

    def forward(self, values: Tensor, last: Tensor, pace: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`FlowGenerator.step`."""
        return self.generator.step(values, last, pace, codes)  # type: ignore[no-any-return, operator]


class FlowEnd(nn.Module):
    """From the last step's values to series in raw units."""

    def __init__(self, whole: SampleGraph) -> None:
        super().__init__()
        self.generator, self.raw_series = whole.generator, whole.raw_series

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """``(n, c, t)`` to what :meth:`SampleGraph.forward` gives."""
        return self.raw_series(self.generator.end(values))  # type: ignore[operator]
