"""How many times as fast one training step is as the loop of the public InfoGAN tutorials, on the same networks.

python benchmarks/training_step.py [--dataset pen_strokes] [--width 32] [--batch 128] [--steps 30] [--device cpu]

The tutorial loop is written here from scratch in the form they share: ``nn.Conv1d`` in float32, a ``DataLoader``,
a generator pass for each of the three losses, three optimizers of which the third owns what the other two own,
and ``.item()`` on every loss in every step. Both start from the same weights, and both are checked to give the same
outputs and the same losses before anything is timed. Steps alternate, so that both meet the same machine. The last line
is how fast a step of ours does its products and convolutions, over the rate of one product of two matrices. The number
of threads is the environment's: set ``OMP_NUM_THREADS`` to compare.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from statistics import median
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from _shared import print_header
from tsinfogan.datasets import load_dataset
from tsinfogan.devices import choose_device, choose_precision
from tsinfogan.models.backbone import conform
from tsinfogan.models.backbones import conv1d
from tsinfogan.models.backbones._series import Trunk, with_differences
from tsinfogan.models.discriminator import Discriminator
from tsinfogan.models.model import Model
from tsinfogan.training.losses import bounds, discriminator_adversarial, generator_adversarial
from tsinfogan.training.plan import Plan, make_plan
from tsinfogan.training.session import build_model, make_trainer

N_CATEGORIES, N_CONTINUOUS, NOISE_DIM = 20, 2, 62
ADVERSARIAL_AND_BOUND_ONLY = {
    "consistency_weight": 0.0,
    "augmented_share": 0.0,
    "r1_weight": 0.0,
    "principal_components": False,
    "continuous_weight": 0.1,
    "pretraining_steps": 0,
    "flow_steps": 0,
    "max_steps": 1_000_000,
}
WARM_UP_STEPS = 5
MATRIX_SIZE = 1024
PRODUCT = "a product of two matrices"


class TutorialGenerator(nn.Module):
    """Our generator's arithmetic in ``(n, c, t)`` with ``nn.Conv1d``."""

    def __init__(self, ours: conv1d.Generator):
        super().__init__()
        self.sizes, self.shape = ours.sizes, ours.shape
        self.embed, self.start = copy.deepcopy(ours.embed), copy.deepcopy(ours.start)
        blocks = list(cast(Iterable[conv1d.Block], ours.blocks))
        self.convs = nn.ModuleList(_conv1d(block.conv) for block in blocks)
        self.modulations = nn.ModuleList(copy.deepcopy(block.modulation) for block in blocks)
        self.strengths = nn.ParameterList(copy.deepcopy(block.noise_strength) for block in blocks)
        self.out = _conv1d(ours.out)

    def forward(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        style = self.embed(latent)
        x = self.start(style).view(len(latent), -1, self.sizes[0])  # (n, c, t)
        noises = injected_noise.split(self.sizes, dim=1)
        parts = zip(self.sizes, self.convs, self.modulations, self.strengths, noises, strict=True)
        for size, conv, modulation, strength, noise in parts:
            if x.shape[-1] != size:
                x = F.interpolate(x, size=size, mode="linear", align_corners=False)
            x = conv(x) + strength[:, None] * noise[:, None]
            gain, bias = modulation(style)[:, :, None].chunk(2, dim=1)
            x = F.leaky_relu(F.group_norm(x, 1) * (1 + gain) + bias, 0.2)
        return conform(self.out(x), self.shape)


class TutorialDiscriminator(nn.Module):
    """Our trunk and heads likewise: realness ``(n,)`` and what Q says."""

    def __init__(self, ours: Discriminator):
        super().__init__()
        trunk = ours.trunk
        assert isinstance(trunk, Trunk)
        self.n_varying = trunk.n_varying
        self.convs = nn.ModuleList(map(_conv1d, cast(Iterable[nn.Conv2d], trunk.convs)))
        self.out, self.realness, self.q = (
            copy.deepcopy(trunk.out),
            copy.deepcopy(ours.realness),
            copy.deepcopy(ours.q),
        )
        self.sizes = ours.sizes

    def forward(self, values: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        x = with_differences(values, self.n_varying)
        for conv in self.convs:
            x = F.leaky_relu(conv(x), 0.2)
        features = F.leaky_relu(self.out(x.flatten(1)), 0.2)
        return self.realness(features)[:, 0], self.q(features).split(self.sizes, dim=1)


def tutorial_loop(
    generator: TutorialGenerator,
    discriminator: TutorialDiscriminator,
    data: Tensor,
    batch_size: int,
    injected_noise_dim: int,
) -> Iterator[tuple[float, float, float]]:
    """Adversarial loss of each player, then the information loss over both networks; yields the three each step."""
    adam = partial(torch.optim.Adam, lr=2e-4, betas=(0.5, 0.999))
    generator_optimizer = adam(generator.parameters())
    discriminator_optimizer = adam(discriminator.parameters())
    both_optimizer = adam(itertools.chain(generator.parameters(), discriminator.parameters()))
    loader = DataLoader(TensorDataset(data), batch_size=batch_size, shuffle=True, drop_last=True)

    device = next(discriminator.parameters()).device

    def draw(n: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        category = torch.randint(N_CATEGORIES, (n,), device=device)
        continuous = torch.rand(n, N_CONTINUOUS, device=device) * 2 - 1
        noise = torch.randn(n, NOISE_DIM, device=device)
        latent = torch.cat([noise, F.one_hot(category, N_CATEGORIES).float(), continuous], dim=1)
        return latent, torch.randn(n, injected_noise_dim, device=device), category, continuous

    while True:
        for (cases,) in loader:
            real = cases.to(device)
            discriminator_optimizer.zero_grad()
            fake = generator(*draw(len(real))[:2])
            discriminator_loss = (
                F.softplus(-discriminator(real)[0]).mean() + F.softplus(discriminator(fake.detach())[0]).mean()
            )
            discriminator_loss.backward()
            discriminator_optimizer.step()

            generator_optimizer.zero_grad()
            generator_loss = F.softplus(-discriminator(generator(*draw(len(real))[:2]))[0]).mean()
            generator_loss.backward()
            generator_optimizer.step()

            both_optimizer.zero_grad()
            latent, injected_noise, category, continuous = draw(len(real))
            information_loss = code_loss(discriminator(generator(latent, injected_noise))[1], category, continuous)
            information_loss.backward()
            both_optimizer.step()
            yield discriminator_loss.item(), generator_loss.item(), information_loss.item()


def code_loss(posteriors: tuple[Tensor, ...], category: Tensor, continuous: Tensor) -> Tensor:
    """Cross-entropy of the category plus a tenth of each continuous code's Gaussian negative log-likelihood."""
    loss = F.cross_entropy(posteriors[0], category)
    for index in range(N_CONTINUOUS):
        mean, log_scale = posteriors[1 + index].unbind(1)
        log_scale = log_scale.clamp(-3, 3)
        squared = ((continuous[:, index] - mean) / log_scale.exp()) ** 2
        loss = loss + 0.1 * (0.5 * squared + log_scale + 0.5 * math.log(2 * math.pi)).mean()
    return loss


@torch.no_grad()
def check_equal(
    plan: Plan, model: Model, generator: TutorialGenerator, discriminator: TutorialDiscriminator, real: Tensor
) -> None:
    """Both give the same series, the same judgement of them and the same losses."""
    latent_spec, rng = plan.model.latent, torch.Generator().manual_seed(0)
    noise, codes = latent_spec.sample(len(real), rng)
    latent, injected_noise = (
        latent_spec.encode(noise, codes),
        torch.randn(len(real), model.injected_noise_dim, generator=rng),
    )
    ours, theirs = model.generator(latent, injected_noise), generator(latent, injected_noise)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    judged, (realness, posteriors) = model.discriminator(ours), discriminator(ours)
    torch.testing.assert_close(judged.realness, realness, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(judged.posteriors, posteriors, rtol=1e-3, atol=1e-4)
    total = sum(
        plan.objective.code_weight(code) * (code.entropy - bound)
        for code, bound in zip(latent_spec.codes, bounds(latent_spec.codes, judged.posteriors, codes), strict=True)
    )
    torch.testing.assert_close(total, code_loss(posteriors, codes[0], torch.stack(codes[1:], dim=1)))
    real_ours, real_theirs = model.discriminator(real).realness, discriminator(real)[0]
    discriminators = F.softplus(-real_theirs).mean() + F.softplus(realness).mean()
    torch.testing.assert_close(discriminator_adversarial("non_saturating", real_ours, judged.realness), discriminators)
    generators = generator_adversarial("non_saturating", real_ours, judged.realness)
    torch.testing.assert_close(generators, F.softplus(-realness).mean())


def n_operations(step: Callable[[], object]) -> int:
    """Additions and multiplications of the products and convolutions of one step."""
    counter = FlopCounterMode(display=False)
    with counter:
        step()
    return counter.get_total_flops()


def main() -> None:
    """Prints the median of each in milliseconds and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="pen_strokes")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--profile", action="store_true", help="show where a step of ours spends its time")
    options = parser.parse_args()

    panel = load_dataset(options.dataset)
    plan = make_plan(
        panel,
        n_categories=(N_CATEGORIES,),
        n_continuous=N_CONTINUOUS,
        noise_dim=NOISE_DIM,
        width=options.width,
        settings={"batch_size": options.batch, **ADVERSARIAL_AND_BOUND_ONLY},
    )
    device = choose_device(options.device)
    precision = choose_precision(options.precision, device)
    model = build_model(plan, panel)
    data = torch.from_numpy(model.preprocessor.transform(panel))  # (n, c, t)
    assert isinstance(model.generator, conv1d.Generator)
    generator, discriminator = TutorialGenerator(model.generator), TutorialDiscriminator(model.discriminator)
    check_equal(plan, model, generator, discriminator, data[: options.batch])
    tutorial = tutorial_loop(
        generator.to(device), discriminator.to(device), data, options.batch, model.injected_noise_dim
    )
    trainer = make_trainer(plan, model, panel, device, precision)
    # The same training in the other dtype shows whether `auto` took the faster one.
    other = torch.float32 if precision == torch.bfloat16 else torch.bfloat16
    in_other = make_trainer(plan, build_model(plan, panel), panel, device, other)

    print_header()
    size = " × ".join(map(str, data.shape[1:]))
    print(f"{panel.name}: {size}, width {options.width}, batch {options.batch}, {device}, ours in {precision}")
    for _ in range(WARM_UP_STEPS):
        next(tutorial)
        trainer.step()
        in_other.step()
    matrix = torch.randn(MATRIX_SIZE, MATRIX_SIZE, device=device)
    timed: dict[str, Callable[[], object]] = {
        "tutorial": lambda: next(tutorial),
        "tsinfogan": trainer.step,
        f"tsinfogan in {other}": in_other.step,
        PRODUCT: lambda: matrix @ matrix,
    }
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(options.steps):
        for name, step in timed.items():
            start = time.perf_counter()
            step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds[name].append(time.perf_counter() - start)
    medians = {name: median(times) for name, times in seconds.items()}
    for name, time_s in medians.items():
        print(f"{name}: {time_s * 1e3:.1f} ms a step (median of {options.steps})")
    print(f"ratio: {medians['tutorial'] / medians['tsinfogan']:.2f}")
    ours = [medians["tsinfogan"], medians[f"tsinfogan in {other}"]]
    print(f"precision {options.precision} over the better of both: {ours[0] / min(ours):.2f}")
    in_float32 = trainer if precision == torch.float32 else in_other
    step_s = ours[precision != torch.float32]
    operations_s = n_operations(in_float32.step) / step_s
    product_s = 2 * MATRIX_SIZE**3 / medians[PRODUCT]
    print(f"float32: {operations_s / 1e9:.0f} GFLOP/s, {operations_s / product_s:.2f} of the rate of {PRODUCT}")
    if options.profile:
        with torch.profiler.profile() as profile:
            for _ in range(10):
                trainer.step()
        print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=25))


def _conv1d(ours: nn.Conv2d) -> nn.Conv1d:
    plain = nn.Conv1d(ours.in_channels, ours.out_channels, ours.kernel_size[1], ours.stride[1], ours.padding[1])
    assert ours.bias is not None
    plain.load_state_dict({"weight": ours.weight.detach()[:, :, 0], "bias": ours.bias.detach()})
    return plain


if __name__ == "__main__":
    main()
