"""The contract of every backbone."""

from __future__ import annotations

import io

import pytest
import torch
from torch import Tensor, nn

from tsinfogan.errors import SettingError
from tsinfogan.models.backbone import BACKBONES, Backbone, DataShape, conform, get_backbone

LATENT_DIM, WIDTH, N = 5, 8, 6

SHAPES = {
    "one channel": DataShape(1, (24,)),
    "seven timepoints": DataShape(2, (7,)),
    "one timepoint": DataShape(2, (1,)),
    "a thousand timepoints": DataShape(2, (1000,)),
    "28 channels": DataShape(28, (24,)),
    "with duration": DataShape(4, (40,), n_constant=1),
    "bounded series": DataShape(1, (33,), bounded=True),
    "4 x 4": DataShape(1, (4, 4), bounded=True),
    "28 x 28": DataShape(1, (28, 28), bounded=True),
    "33 x 17, three colours": DataShape(3, (33, 17), bounded=True),
}
CASES = {
    f"{name}-{label}": (name, shape)
    for name in BACKBONES.names()
    for label, shape in SHAPES.items()
    if len(shape.grid) in BACKBONES.get(name).n_axes
}
LONGER_CASES = {label: case for label, case in CASES.items() if case[1].grid != (1,)}
over_cases = pytest.mark.parametrize(("name", "shape"), CASES.values(), ids=CASES.keys())
over_longer_cases = pytest.mark.parametrize(  # a recurrent weight has nothing to do at a single timepoint
    ("name", "shape"), LONGER_CASES.values(), ids=LONGER_CASES.keys()
)


def build(name: str, shape: DataShape, latent_dim: int = LATENT_DIM) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    backbone = get_backbone(name, shape)
    return backbone.generator(shape, latent_dim, WIDTH), backbone.trunk(shape, WIDTH)


def inputs(generator: nn.Module, latent_dim: int = LATENT_DIM, n: int = N) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(1)
    return torch.randn(n, latent_dim, generator=rng), torch.randn(n, injected_noise_dim(generator), generator=rng)


def injected_noise_dim(generator: nn.Module) -> int:
    return int(generator.injected_noise_dim)  # type: ignore[arg-type]


def stir(network: nn.Module) -> None:
    """Moves every parameter off its start, where some are zero by design."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape))


def example(shape: DataShape, n: int = N) -> Tensor:
    return torch.randn(n, shape.n_channels, *shape.grid, generator=torch.Generator().manual_seed(2))


def test_reference_backbones_are_there() -> None:
    assert {"conv1d", "gru", "image", "mlp"} <= set(BACKBONES.names())


@pytest.mark.parametrize("name", BACKBONES.names())
def test_entry(name: str) -> None:
    backbone = BACKBONES.get(name)
    assert isinstance(backbone, Backbone)
    assert backbone.summary
    assert backbone.width >= 1
    assert set(backbone.n_axes) <= {1, 2}
    assert backbone.n_axes


@over_cases
def test_shapes(name: str, shape: DataShape) -> None:
    generator, trunk = build(name, shape)
    values = generator(*inputs(generator))
    assert values.shape == (N, shape.n_channels, *shape.grid)
    assert values.dtype == torch.float32
    assert values.isfinite().all()
    assert trunk(values).shape == (N, trunk.feature_dim)
    assert trunk(example(shape)).isfinite().all()


@over_cases
def test_lone_code_of_one_category_is_enough(name: str, shape: DataShape) -> None:
    generator, _ = build(name, shape, latent_dim=1)
    assert generator(*inputs(generator, latent_dim=1)).isfinite().all()


@over_cases
def test_gradient_reaches_every_parameter_and_input_of_the_generator(name: str, shape: DataShape) -> None:
    generator, _ = build(name, shape)
    stir(generator)
    latent, injected_noise = (x.requires_grad_() for x in inputs(generator))
    values = generator(latent, injected_noise)
    (values * example(shape)).sum().backward()
    silent = [key for key, p in generator.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent
    assert latent.grad is not None
    assert latent.grad.any(dim=1).all()
    if injected_noise_dim(generator):
        assert injected_noise.grad is not None
        assert injected_noise.grad.any(dim=1).all()


@over_longer_cases
def test_gradient_reaches_every_parameter_and_value_of_the_trunk(name: str, shape: DataShape) -> None:
    _, trunk = build(name, shape)
    values = example(shape).requires_grad_()
    trunk(values).square().sum().backward()
    silent = [key for key, p in trunk.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent
    assert values.grad is not None
    assert values.grad.flatten(1).any(dim=0).all(), "a timepoint or pixel is never looked at"


@over_longer_cases
def test_trunk_can_be_differentiated_twice(name: str, shape: DataShape) -> None:
    _, trunk = build(name, shape)
    values = example(shape).requires_grad_()
    (gradient,) = torch.autograd.grad(trunk(values).square().sum(), values, create_graph=True)
    gradient.square().sum().backward()
    weights = [p for p in trunk.parameters() if p.ndim > 1]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in weights)
    assert all(p.grad is not None and p.grad.any() for p in weights)


@pytest.mark.parametrize("name", BACKBONES.names())
def test_second_derivative_is_right(name: str) -> None:
    shape = DataShape(2, (7,) if 1 in BACKBONES.get(name).n_axes else (4, 4))
    trunk = get_backbone(name, shape).trunk(shape, 1).double()
    torch.manual_seed(3)
    for parameter in trunk.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    values = torch.randn(2, 2, *shape.grid, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: trunk(x).square().sum(), values)


@over_cases
def test_same_seed_same_output_and_other_input_other_output(name: str, shape: DataShape) -> None:
    (one, one_trunk), (two, two_trunk) = build(name, shape), build(name, shape)
    latent, injected_noise = inputs(one)
    for train in (True, False):
        values = one.train(train)(latent, injected_noise)
        assert torch.equal(values, two.train(train)(latent, injected_noise))
        assert torch.equal(one_trunk.train(train)(values), two_trunk.train(train)(values))
    assert not torch.allclose(one(latent, injected_noise), one(latent.flip(0), injected_noise))


@over_cases
def test_deterministic_in_training_too(name: str, shape: DataShape) -> None:
    generator, trunk = build(name, shape)
    values = generator.train()(*inputs(generator))
    assert torch.equal(values, generator(*inputs(generator)))
    assert torch.equal(trunk.train()(values), trunk(values))


@over_cases
def test_state_dict_restores_outputs(name: str, shape: DataShape) -> None:
    generator, trunk = build(name, shape)
    stir(generator)
    generator.train()(*inputs(generator))  # moves running statistics, where there are any
    file = io.BytesIO()
    torch.save({"generator": generator.state_dict(), "trunk": trunk.state_dict()}, file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    backbone = get_backbone(name, shape)
    restored, restored_trunk = backbone.generator(shape, LATENT_DIM, WIDTH), backbone.trunk(shape, WIDTH)
    restored.load_state_dict(state["generator"])
    restored_trunk.load_state_dict(state["trunk"])
    values = generator.eval()(*inputs(generator))
    assert torch.equal(values, restored.eval()(*inputs(generator)))
    assert torch.equal(trunk.eval()(values), restored_trunk.eval()(values))


@over_cases
def test_rows_do_not_depend_on_each_other(name: str, shape: DataShape) -> None:
    generator, trunk = (network.eval() for network in build(name, shape))
    latent, injected_noise = inputs(generator)
    values, features = generator(latent, injected_noise), trunk(example(shape))
    for row in (0, N - 1):
        alone = slice(row, row + 1)
        torch.testing.assert_close(generator(latent[alone], injected_noise[alone]), values[alone], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(trunk(example(shape)[alone]), features[alone], rtol=1e-4, atol=1e-5)


@over_cases
def test_trunk_judges_a_row_alone_in_training_too(name: str, shape: DataShape) -> None:
    _, trunk = build(name, shape)
    values = example(shape)
    torch.testing.assert_close(trunk.train()(values[:1]), trunk(values)[:1], rtol=1e-4, atol=1e-5)


@over_cases
def test_bounded_stays_bounded_and_constant_stays_constant(name: str, shape: DataShape) -> None:
    generator, _ = build(name, shape)
    stir(generator)
    latent, injected_noise = inputs(generator)
    values = generator(100 * latent, injected_noise)
    if shape.bounded:
        assert values.abs().max() <= 1
    if shape.n_constant:
        constant = values[:, -shape.n_constant :]
        torch.testing.assert_close(constant, constant[..., :1].expand_as(constant), rtol=0, atol=0)
    if len(shape.grid) == 1 and shape.grid[0] > 1:
        varying = values[:, : shape.n_channels - shape.n_constant]
        assert (varying.std(-1) > 0).all()


@pytest.mark.parametrize("name", BACKBONES.names())
def test_width_makes_wider(name: str) -> None:
    shape = DataShape(1, (16,) if 1 in BACKBONES.get(name).n_axes else (16, 16))
    backbone = BACKBONES.get(name)
    narrow, wide = ((backbone.generator(shape, 4, width), backbone.trunk(shape, width)) for width in (4, 8))
    for small, large in zip(narrow, wide, strict=True):
        assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in large.parameters())


def test_wrong_kind_of_data_is_refused_with_the_choices() -> None:
    with pytest.raises(SettingError, match=r"'image' is for images but the data holds series: .*conv1d, .*gru, mlp"):
        get_backbone("image", DataShape(1, (24,)))
    with pytest.raises(SettingError, match=r"'gru' is for series but the data holds images: .*image, mlp"):
        get_backbone("gru", DataShape(1, (8, 8)))
    with pytest.raises(SettingError, match="conv1d"):
        get_backbone("conv2", DataShape(1, (24,)))


def test_constant_channels_have_their_mean_and_bounded_ones_an_end() -> None:
    values = torch.arange(12.0).view(1, 2, 6)
    tied = conform(values, DataShape(2, (6,), n_constant=1))
    assert torch.equal(tied[0, 0], values[0, 0])
    assert tied[0, 1].tolist() == [8.5] * 6
    assert conform(values, DataShape(2, (6,))) is values
    assert torch.equal(conform(values, DataShape(2, (6,), bounded=True)), values.tanh())


@pytest.mark.parametrize("name", ["conv1d", "gru"])
def test_an_untrained_generator_of_many_channels_is_moved_by_its_finest_noise(name: str) -> None:
    generator = build(name, SHAPES["28 channels"])[0]
    latent, injected_noise = inputs(generator, n=1)
    others = injected_noise.expand(64, -1).clone()
    others[:, -24:] = torch.randn(64, 24, generator=torch.Generator().manual_seed(2))  # one number a timepoint
    series = generator(latent.expand(64, -1), others).detach()  # (64, 28, 24)
    assert (series.std(0).mean(1) > 0.001).all()


def test_one_noise_input_has_no_effect_at_first() -> None:
    generator = build("conv1d", SHAPES["with duration"])[0]
    latent, injected_noise = inputs(generator)
    torch.testing.assert_close(generator(latent, injected_noise), generator(latent, -injected_noise))
