"""Context-FID: the Fréchet distance's closed forms, what TS2Vec learns by, and real series from bad ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tsinfogan.data.panel import FloatArray, Panel
from tsinfogan.metrics.samples._frechet import frechet_distance
from tsinfogan.metrics.samples._ts2vec import (
    OUTPUT,
    Encoder,
    contrast,
    fit,
    hierarchical_loss,
    overlapping_crops,
)
from tsinfogan.metrics.samples.context import RealData, SampleContext
from tsinfogan.metrics.samples.context_fid import SAMPLE_MEASURE


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def kinds(n: int, seed: int) -> FloatArray:
    """``(n, 24, 2)``: rising lines and waves by turns, on [0, 1]."""
    rng = np.random.default_rng(seed)
    time = np.linspace(0, 1, 24)[:, None]
    level, phase = rng.uniform(0, 0.3, (n, 1, 2)), rng.uniform(0, 1, (n, 1, 2))
    lines, waves = level + 0.6 * time, 0.5 + 0.4 * np.sin(9 * (time + phase))
    return np.where(np.arange(n)[:, None, None] % 2, lines, waves).astype(np.float32)


def context_fid(encoder: Encoder, synthetic: FloatArray, reference: FloatArray) -> float:
    return frechet_distance(encoder.encode(synthetic), encoder.encode(reference))


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return fit(kinds(200, 0), steps=40)


# ---- the distance


def test_distance_of_shifted_and_of_stretched_vectors() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(500, 3)) @ rng.normal(size=(3, 3))
    assert frechet_distance(vectors, vectors) == pytest.approx(0, abs=1e-8)
    assert frechet_distance(vectors + np.array([1, 2, 2]), vectors) == pytest.approx(9)
    centred = vectors - vectors.mean(0)
    spread = np.trace(np.cov(centred, rowvar=False))
    assert frechet_distance(3 * centred, centred) == pytest.approx(4 * spread)  # (3 - 1)² of every variance


def test_distance_of_independent_features() -> None:
    """Of diagonal covariances it is the sum of squared differences of standard deviations."""
    corners = np.array([[a, b] for a in (-1.0, 1) for b in (-1.0, 1)])
    unbiased = 4 / 3
    assert frechet_distance(corners * [2, 5], corners) == pytest.approx((1 + 16) * unbiased)


def test_distance_with_fewer_vectors_than_features() -> None:
    few = np.random.default_rng(0).normal(size=(5, 40))
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(few, few + 1) == pytest.approx(40)


# ---- the encoder


def test_contrast_of_vectors_that_are_alike_and_of_orthogonal_ones() -> None:
    same = torch.ones(2, 4, 3)
    assert float(contrast(same, same)) == pytest.approx(np.log(7))  # any of the seven others might be the counterpart
    apart = 50 * torch.eye(4)[None]
    assert float(contrast(apart, apart)) == pytest.approx(0, abs=1e-6)
    assert float(contrast(apart, apart.roll(1, dims=1))) > 100


def test_hierarchical_loss_of_one_case_at_one_timepoint_is_nothing() -> None:
    one = torch.randn(1, 1, 5, generator=generator())
    assert float(hierarchical_loss(one, one)) == 0


def test_hierarchical_loss_is_the_mean_over_scales() -> None:
    """All vectors alike: each scale has the logarithms of how many others there are."""
    n, expected = 3, []
    for length in (4, 2, 1):
        temporal = np.log(2 * length - 1) if length > 1 else 0
        expected.append(0.5 * np.log(2 * n - 1) + 0.5 * temporal)
    same = torch.ones(n, 4, 5)
    assert float(hierarchical_loss(same, same)) == pytest.approx(np.mean(expected), rel=1e-5)


@pytest.mark.parametrize("length", [1, 2, 24])
def test_crops_overlap_as_told(length: int) -> None:
    cases = torch.arange(5.0 * length).view(5, length, 1)
    rng = generator()
    sizes = set()
    for _ in range(50):
        first, second, overlap = overlapping_crops(cases, rng)
        torch.testing.assert_close(first[:, -overlap:], second[:, :overlap])
        sizes.add((first.shape[1], second.shape[1], overlap))
        assert (first.diff(dim=1) == 1).all()
    assert min(map(min, sizes)) >= min(2, length)
    assert len(sizes) > 20 or length < 3


def test_masked_and_missing_timepoints_enter_alike() -> None:
    network = Encoder(2).eval()
    values = torch.randn(3, 9, 2, generator=generator())
    missing = values.clone()
    missing[:, 4, 1] = torch.nan
    kept = torch.ones(3, 9, dtype=torch.bool)
    kept[:, 4] = False
    torch.testing.assert_close(network(missing), network(values, kept))
    assert not torch.allclose(network(missing), network(values))


def test_far_taps_that_see_only_padding_are_left_out_exactly() -> None:
    network = Encoder(2).eval()
    values = torch.randn(2, 9, 2, generator=generator())
    seen = network(values)
    x = network.project(values).transpose(1, 2)
    for block in network.blocks:
        inner = block.second.conv(torch.nn.functional.gelu(block.first.conv(torch.nn.functional.gelu(x))))
        x = inner + block.around(x)
    torch.testing.assert_close(seen, x.transpose(1, 2), rtol=1e-4, atol=1e-5)


def test_lengths_may_differ_and_what_is_not_there_is_not_the_greatest(encoder: Encoder) -> None:
    short = kinds(6, 1)
    short[:, 15:] = np.nan
    encoded = encoder.encode(short)
    assert encoded.shape == (6, OUTPUT)
    assert np.isfinite(encoded).all()
    known = encoder(torch.from_numpy(short))[:, :15].amax(1)
    np.testing.assert_allclose(encoded, known.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_the_same_seed_gives_the_same_encoder() -> None:
    series = kinds(20, 0)
    one, again, other = (fit(series, seed=seed, steps=3).encode(series) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)


# ---- the score


def test_halves_are_near_and_bad_series_far(encoder: Encoder) -> None:
    reference, half = kinds(400, 1), kinds(400, 2)
    rng = np.random.default_rng(0)
    baseline = context_fid(encoder, half, reference)
    assert context_fid(encoder, reference, reference) < 1e-4
    noisy = half + rng.normal(0, 0.1, half.shape).astype(np.float32)
    assert context_fid(encoder, noisy, reference) > 5 * baseline
    assert context_fid(encoder, half[::2], reference) > 5 * baseline  # one kind of two is gone
    assert context_fid(encoder, np.repeat(half[:2], 200, 0), reference) > 5 * baseline  # no variety


def test_the_measure_on_panels_of_other_units_and_unequal_lengths() -> None:
    values = np.moveaxis(kinds(120, 3), 1, 2) * 40 - 7
    lengths = np.random.default_rng(0).integers(12, 25, 120)
    cases = [case[:, :length] for case, length in zip(values, lengths, strict=True)]
    seen, reference = (Panel.from_cases(cases[part]) for part in (slice(0, 60), slice(60, 120)))
    real = RealData(seen, reference, quick=True)
    good = SAMPLE_MEASURE.compute(SampleContext.of(real, seen), 0)["context_fid"]
    rng = np.random.default_rng(1)
    noise = Panel.from_cases([rng.uniform(-7, 33, case.shape) for case in cases[:60]])
    assert SAMPLE_MEASURE.compute(SampleContext.of(real, noise), 0)["context_fid"] > 3 * good
