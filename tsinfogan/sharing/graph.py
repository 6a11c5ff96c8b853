"""What sampling and encoding compute, as one graph of tensor operations that other programs can run."""

from __future__ import annotations

from torch import Tensor, nn

from tsinfogan.models.flow import FlowGenerator
from tsinfogan.models.model import Model
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
