"""What sampling and encoding compute, as one graph of tensor operations that other programs can run."""

from __future__ import annotations

import itertools
from typing import Any

from torch import Tensor, nn

from tsinfogan.errors import SettingError
from tsinfogan.models.flow import FlowGenerator
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.torch_forward import NetworkValues
from tsinfogan.preprocessing.torch_inverse import RawSeries


class SampleGraph(nn.Module):
    """From noise and codes to series in raw units, as :func:`tsinfogan.sample` makes them, of a model on the CPU."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model
        self.generator: Any = model.generator
        self.raw_series = RawSeries(model.preprocessor, model.device)
        # A tensor decides which way a flow generator goes; in a graph that is settled.
        self.is_flow = isinstance(model.generator, FlowGenerator)
        self.carries = self.is_flow and bool(model.generator.trained)

    def forward(self, noise: Tensor, injected_noise: Tensor, *codes: Tensor) -> tuple[Tensor, Tensor]:
        """Series ``(n, c, greatest length)`` float32 in raw units, NaN beyond the length, and lengths ``(n,)`` int64.

        Images are ``(n, c, height, width)``. Noise ``(n, noise_dim)`` and ``(n, injected_noise_dim)`` is standard
        normal; each code is one ``(n,)`` tensor: int64 categories, float32 continuous values.
        """
        latent = self.model.latent(noise, codes)
        generate = self.generator
        if self.is_flow:
            generate = generate.carried if self.carries else generate.from_inner
        return self.raw_series(generate(latent, injected_noise))

    # ---- with flow matching, the same in three parts, so that a file holds the network of the steps once

    def begin(self, noise: Tensor, injected_noise: Tensor, *codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What :meth:`FlowGenerator.begin` gives; :meth:`FlowGenerator.step` with each of ``paces`` follows."""
        return self.generator.begin(self.model.latent(noise, codes), injected_noise)  # type: ignore[no-any-return]

    def end(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """From the last step's values ``(n, c, t)`` to what :meth:`forward` gives."""
        return self.raw_series(self.generator.end(values))


class EncodeGraph(nn.Module):
    """From series in raw units to their codes, as :func:`tsinfogan.encode` reads them, of a model on the CPU.

    A SettingError if the model has no codes, its Q was not trained, or its series are too long.
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
        """By :attr:`outputs`: ``(n,)`` int64 or float32 codes, ``(n, n_categories)`` probabilities.

        Of float32 series ``(n, c, *grid)`` in raw units, or where they are resampled ``(n, c, greatest length)``, with
        anything beyond their ``lengths`` ``(n,)`` int64.
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
