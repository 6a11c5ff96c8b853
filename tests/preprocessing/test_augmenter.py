"""Augmentations against what they are said to do, in closed form."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tsinfogan.data.augmentations import CAUTIOUS, Augmentations
from tsinfogan.errors import SettingError
from tsinfogan.preprocessing.augmenter import WARP_WAVES, Augmenter

N, N_TIMEPOINTS = 4, 41
TIME_SCALE, SHIFT, AMPLITUDE, ROTATION, SHEAR, STRETCH, DURATION, FIRST_WARP = range(8)
EVERYTHING = Augmentations(
    time_scale=0.2,
    time_shift=0.1,
    time_warp=0.05,
    amplitude=0.2,
    offset=0.3,
    noise=0.1,
    rotation_rad=0.5,
    rotation_channels=(0, 2),
    shear=0.3,
    stretch=0.2,
    gain=0.4,
    gain_channels=(1,),
)


def augmenter(strengths: Augmentations, n_channels: int = 3, n_constant: int = 0, n_axes: int = 1) -> Augmenter:
    offset, scale = tuple(0.5 * c + 1 for c in range(n_channels)), tuple(float(2 + c) for c in range(n_channels))
    return Augmenter(strengths, offset, scale, n_constant, log_length_scale=0.25, n_axes=n_axes)


def still(strength: Augmenter, n: int = N) -> Tensor:
    """Draws of zero: the middle of every range."""
    return torch.zeros_like(strength.draw(n, torch.Generator()))


def series(n_channels: int = 3) -> Tensor:
    return torch.randn(N, n_channels, N_TIMEPOINTS, generator=torch.Generator().manual_seed(1))


def images(height: int = 9, width: int = 9) -> Tensor:
    return torch.randn(N, 2, height, width, generator=torch.Generator().manual_seed(1))


def drawn(of: Augmenter, seed: int = 0) -> Tensor:
    return of.draw(N, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("values", "n_axes"), [(series(), 1), (images(8, 8), 2), (images(7, 12), 2)])
def test_zero_strengths_change_nothing(values: Tensor, n_axes: int) -> None:
    nothing = augmenter(Augmentations(), values.shape[1], n_axes=n_axes)
    torch.testing.assert_close(nothing.apply(values, drawn(nothing)), values, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("values", "n_axes"), [(series(), 1), (images(8, 8), 2), (images(7, 12), 2)])
def test_zero_draws_change_nothing_but_noise(values: Tensor, n_axes: int) -> None:
    everything = augmenter(replace(EVERYTHING, noise=0.0), values.shape[1], n_axes=n_axes)
    torch.testing.assert_close(everything.apply(values, still(everything)), values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("values", "n_axes"), [(series(), 1), (images(), 2), (images(33, 17), 2)])
def test_everything_at_once(values: Tensor, n_axes: int) -> None:
    everything = augmenter(EVERYTHING, values.shape[1], n_axes=n_axes)
    draw = drawn(everything)
    augmented = everything.apply(values, draw)
    assert augmented.shape == values.shape
    assert augmented.isfinite().all()
    assert (augmented - values).flatten(1).std(1).min() > 0.01
    assert torch.equal(augmented, everything.apply(values, draw))
    assert not torch.allclose(augmented, everything.apply(values, drawn(everything, seed=1)))
    for row in range(N):
        alone = everything.apply(values[row : row + 1], draw[row : row + 1])
        torch.testing.assert_close(alone, augmented[row : row + 1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("values", "n_axes"), [(series(), 1), (images(), 2)])
def test_gradient_flows_back_to_the_values(values: Tensor, n_axes: int) -> None:
    everything = augmenter(EVERYTHING, values.shape[1], n_axes=n_axes)
    values = values.clone().requires_grad_()
    everything.apply(values, drawn(everything)).square().sum().backward()
    assert values.grad is not None
    assert values.grad.isfinite().all()
    assert (values.grad != 0).float().mean() > 0.6


def test_draws_are_seeded_and_within_range() -> None:
    everything = augmenter(EVERYTHING)
    draw = everything.draw(5000, torch.Generator().manual_seed(3))
    assert draw.shape == (5000, 7 + WARP_WAVES + 3 + 2)
    assert torch.equal(draw, everything.draw(5000, torch.Generator().manual_seed(3)))
    assert draw.abs().max() <= 1
    assert draw.mean(0).abs().max() < 0.05
    assert (draw.std(0) - 3**-0.5).abs().max() < 0.02


def raw(values: Tensor, of: Augmenter, channels: tuple[int, int]) -> Tensor:
    """``(n, 2, t)`` in the data's own units."""
    rows = [values[:, c] * of.scale[c] + of.offset[c] for c in channels]
    return torch.stack(rows, dim=1)


def test_rotation_is_of_raw_velocities() -> None:
    turn = augmenter(Augmentations(rotation_rad=0.5, rotation_channels=(0, 2)))
    values, draw = series(), still(turn)
    draw[:, ROTATION] = torch.tensor([1.0, -1.0, 0.5, 0.0])
    before, augmented = raw(values, turn, (0, 2)), turn.apply(values, draw)
    after = raw(augmented, turn, (0, 2))
    angle = torch.tensor([0.5, -0.5, 0.25, 0.0])[:, None]
    torch.testing.assert_close(after[:, 0], angle.cos() * before[:, 0] - angle.sin() * before[:, 1])
    torch.testing.assert_close(after[:, 1], angle.sin() * before[:, 0] + angle.cos() * before[:, 1])
    torch.testing.assert_close(after.norm(dim=1), before.norm(dim=1))
    assert torch.equal(augmented[:, 1], values[:, 1])


def test_shear_and_stretch_of_raw_velocities() -> None:
    slant = augmenter(Augmentations(shear=0.3, stretch=0.2, rotation_channels=(0, 1)))
    values, draw = series(), still(slant)
    draw[:, SHEAR], draw[:, STRETCH] = 1.0, -1.0
    before, after = raw(values, slant, (0, 1)), raw(slant.apply(values, draw), slant, (0, 1))
    torch.testing.assert_close(after[:, 0], math.exp(-0.2) * before[:, 0] + 0.3 * before[:, 1])
    torch.testing.assert_close(after[:, 1], before[:, 1])


def test_amplitude_and_offset() -> None:
    change = augmenter(Augmentations(amplitude=0.2, offset=0.1))
    values, draw = series(), still(change)
    draw[:, AMPLITUDE] = 1.0
    draw[:, FIRST_WARP + WARP_WAVES + 1] = -1.0  # channel 1
    augmented = change.apply(values, draw)
    torch.testing.assert_close(augmented[:, 0], 1.2 * values[:, 0])
    torch.testing.assert_close(augmented[:, 1], 1.2 * values[:, 1] - 0.1)


def test_time_shift_and_tempo_on_a_ramp() -> None:
    change = augmenter(Augmentations(time_shift=0.1, time_scale=0.2), n_channels=1)
    ramp = torch.linspace(-1, 1, N_TIMEPOINTS).expand(N, 1, -1)
    draw = still(change)
    draw[0, SHIFT] = 1.0
    draw[1, TIME_SCALE] = -1.0
    draw[2, TIME_SCALE] = 1.0
    augmented = change.apply(ramp, draw)
    torch.testing.assert_close(augmented[0], (ramp[0] + 0.2).clamp(max=1))  # a tenth of the length 2
    torch.testing.assert_close(augmented[1], 0.8 * ramp[1])
    torch.testing.assert_close(augmented[2], (1.2 * ramp[2]).clamp(-1, 1))
    torch.testing.assert_close(augmented[3], ramp[3])


def test_warp_keeps_both_ends_and_the_greatest_strength_of_one_wave() -> None:
    warp = augmenter(Augmentations(time_warp=0.05), n_channels=1)
    ramp = torch.linspace(-1, 1, N_TIMEPOINTS).expand(N, 1, -1)
    draw = still(warp)
    draw[:, FIRST_WARP] = 1.0
    moved = warp.apply(ramp, draw) - ramp
    torch.testing.assert_close(moved, 0.1 * torch.sin(math.pi * ramp), rtol=1e-4, atol=1e-5)


def test_duration_changes_by_the_tempo_and_stays_constant() -> None:
    tempo = augmenter(Augmentations(time_scale=0.2), n_channels=2, n_constant=1)
    values, draw = series(), still(tempo)
    values[:, 2:] = 0.5
    draw[:, DURATION] = torch.tensor([1.0, -1.0, 0.5, 0.0])
    duration = tempo.apply(values, draw)[:, 2]
    factor = torch.exp((duration - 0.5) * 0.25)
    expected = torch.tensor([1.2, 1 / 1.2, 1.1, 1.0])[:, None].expand_as(factor)
    torch.testing.assert_close(factor, expected)


@pytest.mark.parametrize("shape", [(1, 64), (3, 1000), (28, 1000), (1, 28, 28)])
def test_noise_is_white_and_of_unit_spread(shape: tuple[int, ...]) -> None:
    noisy = augmenter(Augmentations(noise=0.5), shape[0], n_axes=len(shape) - 1)
    n = 200
    values = torch.zeros(n, *shape)
    noise = (noisy.apply(values, noisy.draw(n, torch.Generator().manual_seed(0))) / 0.5).flatten(1)  # (n, size)
    size = noise.shape[1]
    assert noise.mean().abs().item() < max(0.01, 5 / math.sqrt(n * size))
    assert noise.std().item() == pytest.approx(1, abs=0.01)
    assert noise.mean(0).abs().max().item() < 6 / math.sqrt(n), "a place is pushed to one side"
    for lag in (1, 2, 3, 7):
        together = (noise[:, lag:] * noise[:, :-lag]).mean().abs().item()
        assert together < max(0.01, 5 / math.sqrt(n * (size - lag))), f"noise {lag} places apart goes together"
    rows = torch.corrcoef(noise[:50]) - torch.eye(50)
    assert rows.abs().max().item() < 6 / math.sqrt(size), "two cases share their noise"


def test_quarter_turn_of_an_image_moves_whole_pixels() -> None:
    turn = augmenter(Augmentations(rotation_rad=math.pi / 2), 2, n_axes=2)
    values, draw = images(), still(turn)
    draw[:, ROTATION] = 1.0
    torch.testing.assert_close(turn.apply(values, draw), values.rot90(1, (2, 3)), rtol=1e-4, atol=1e-4)


def test_rotating_an_oblong_image_keeps_distances() -> None:
    """A dot 4 pixels right of the middle of a 9 x 33 image goes, by a quarter turn, to 4 pixels above or below it."""
    turn = augmenter(Augmentations(rotation_rad=math.pi / 2), 2, n_axes=2)
    values, draw = torch.zeros(N, 2, 9, 33), still(turn)
    values[:, :, 4, 20] = 1.0
    draw[:, ROTATION] = 1.0
    turned = turn.apply(values, draw)[0, 0]
    row, column = divmod(int(turned.argmax()), 33)
    assert (abs(row - 4), column) == (4, 16)
    assert turned.max().item() == pytest.approx(1, abs=1e-3)


def test_both_shifts_of_an_image() -> None:
    shift = augmenter(Augmentations(time_shift=1 / 9), 2, n_axes=2)
    values, draw = images(), still(shift)
    draw[0, SHIFT] = 1.0
    draw[1, FIRST_WARP] = 1.0
    shifted = shift.apply(values, draw)
    torch.testing.assert_close(shifted[0, :, :, :-1], values[0, :, :, 1:], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(shifted[1, :, :-1], values[1, :, 1:], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(shifted[2], values[2], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("n_timepoints", [1, 2, 7])
def test_short_series(n_timepoints: int) -> None:
    everything = augmenter(EVERYTHING)
    values = series()[:, :, :n_timepoints]
    assert everything.apply(values, drawn(everything)).isfinite().all()


@pytest.mark.parametrize("strength", [-0.1, 10.0, math.nan])
def test_senseless_strengths_are_refused(strength: float) -> None:
    with pytest.raises(SettingError, match="noise"):
        Augmentations(noise=strength)


@pytest.mark.parametrize("strengths", [CAUTIOUS, EVERYTHING])
def test_strengths_survive_a_dictionary(strengths: Augmentations) -> None:
    assert Augmentations.from_dict(strengths.to_dict()) == strengths


def test_a_gain_changes_the_raw_size_of_its_channels_alone() -> None:
    gain = augmenter(Augmentations(gain=0.4, gain_channels=(1,)))
    values, draw = series(), still(gain)
    draw[:, -1] = torch.tensor([-1.0, 0.0, 0.5, 1.0])
    gained = gain.apply(values, draw)
    torch.testing.assert_close(gained[:, [0, 2]], values[:, [0, 2]])
    offset, scale = gain.offset[1], gain.scale[1]
    raw, raw_gained = values[:, 1] * scale + offset, gained[:, 1] * scale + offset
    torch.testing.assert_close(raw_gained, raw * torch.tensor([[0.6], [1.0], [1.2], [1.4]]))
    torch.testing.assert_close(gain.amount("gain", draw), draw[:, -1])
    with pytest.raises(SettingError, match="gain needs the channels"):
        Augmentations(gain=0.4)
