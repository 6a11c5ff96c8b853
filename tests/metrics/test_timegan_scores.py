"""TimeGAN's two scores and the correlational score: closed forms, good and bad series, and what they cannot see."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tsinfogan.data.panel import FloatArray, Panel
from tsinfogan.metrics.samples import _timegan
from tsinfogan.metrics.samples._timegan import Cases, RecurrentNetworks, batches_of, train
from tsinfogan.metrics.samples._unit import MAX_TIMEPOINTS, Series, unit_series
from tsinfogan.metrics.samples.context import RealData
from tsinfogan.metrics.samples.correlations import correlational_score
from tsinfogan.metrics.samples.timegan_discriminative import discriminative_scores
from tsinfogan.metrics.samples.timegan_predictive import _errors, predictive_scores

N_TIMEPOINTS = 24


def series(values: FloatArray) -> Series:
    return Series(values, np.full(len(values), values.shape[1]))


def waves(n: int, seed: int) -> Series:
    """``(n, 24, 6)``: one wave a case, seen by every channel a little later and upside down by turns, on [0, 1]."""
    rng = np.random.default_rng(seed)
    start, frequency = rng.uniform(0, 2, (n, 1, 1)), rng.uniform(0.1, 0.3, (n, 1, 1))
    time, channel = np.arange(N_TIMEPOINTS)[:, None], np.arange(6)
    wave = np.sin(start + frequency * (time + channel)) * (-1) ** channel
    return series((0.5 + 0.5 * wave).astype(np.float32))


def noise(n: int, seed: int) -> Series:
    return series(np.random.default_rng(seed).random((n, N_TIMEPOINTS, 6), np.float32))


def unequal(n: int, seed: int) -> Series:
    """Waves that end early, each at another place."""
    whole = waves(n, seed)
    lengths = np.random.default_rng(seed).integers(6, N_TIMEPOINTS + 1, n)
    values = np.where(np.arange(N_TIMEPOINTS)[:, None] < lengths[:, None, None], whole.values, np.nan)
    return Series(values.astype(np.float32), lengths)


def shuffled(real: Series, seed: int) -> Series:
    """Every case with its timepoints in another order."""
    rng = np.random.default_rng(seed)
    return Series(np.stack([case[rng.permutation(len(case))] for case in real.values]), real.lengths)


# ---- series on one scale


def test_real_series_span_zero_to_one_and_made_ones_may_leave_it() -> None:
    seen = Panel.from_arrays(np.array([[[0.0, 2, 4]]]))
    reference = Panel.from_arrays(np.array([[[1.0, 3, 8]]]))
    synthetic = Panel.from_arrays(np.array([[[-8.0, 4, 12]]]))
    real = RealData(seen, reference)
    np.testing.assert_allclose(unit_series(real, reference).values[0, :, 0], [0.125, 0.375, 1], atol=1e-6)
    np.testing.assert_allclose(unit_series(real, synthetic).values[0, :, 0], [-1, 0.5, 1.5], atol=1e-6)


def test_a_channel_that_never_changes_is_no_division_by_zero() -> None:
    panel = Panel.from_arrays(np.full((2, 1, 5), 3.0))
    assert (unit_series(RealData(panel, panel), panel).values == 0).all()


def test_only_long_series_are_thinned_and_evenly() -> None:
    windows = waves(3, 0)
    assert windows.thinned().values.shape == windows.values.shape
    time = np.arange(100, dtype=np.float32)[None, :, None]
    long = Series(time, np.array([98])).thinned()
    assert long.values.shape[1] <= MAX_TIMEPOINTS
    np.testing.assert_array_equal(long.values[0, :, 0], np.arange(0, 100, 4))
    assert long.lengths.tolist() == [25]  # 0, 4, … 96


def test_sets_of_different_greatest_length_are_joined_on_the_longer_grid() -> None:
    one, other = Series(np.ones((2, 5, 1), np.float32), np.array([5, 4])), series(np.ones((1, 7, 1), np.float32))
    both = one + other
    assert both.lengths.tolist() == [5, 4, 7]
    np.testing.assert_array_equal(np.isfinite(both.values).sum(1)[:, 0], [5, 5, 7])


# ---- the network


@pytest.mark.parametrize(("n_channels", "units"), [(1, 1), (3, 1), (5, 2), (28, 14)])
def test_networks_have_half_as_many_units_as_the_data_channels(n_channels: int, units: int) -> None:
    networks = RecurrentNetworks(2, n_channels, n_channels, 0)
    states = networks.states(Cases(series(np.zeros((3, 4, n_channels), np.float32)), "cpu")[np.zeros((2, 5), int)])
    assert states[-1].shape == (2, 5, units)


def test_states_are_those_of_a_gated_recurrent_unit() -> None:
    """With one unit the reset gate may act before or after the product: the same as PyTorch's cell."""
    networks = RecurrentNetworks(1, 3, 3, 0)
    gru = torch.nn.GRU(3, 1, batch_first=True)
    pairs = {
        "weight_ih_l0": (networks.read_gates, networks.read_candidate),
        "weight_hh_l0": (networks.keep_gates, networks.keep_candidate),
        "bias_ih_l0": (networks.bias_gates, networks.bias_candidate),
    }
    with torch.no_grad():
        for name, parts in pairs.items():
            getattr(gru, name).copy_(
                torch.cat(parts, dim=2)[0].T.squeeze(1) if "bias" in name else torch.cat(parts, 2)[0].T
            )
        gru.bias_hh_l0.zero_()
        values = torch.from_numpy(waves(5, 0).values[:, :, :3])
        expected, _ = gru(values)
        states = networks.states(Cases(series(values.numpy()), "cpu").passes()[0])
    torch.testing.assert_close(torch.stack(states, dim=2)[0], expected)


def test_what_lies_beyond_the_end_of_a_case_is_not_read() -> None:
    networks, cases = RecurrentNetworks(2, 6, 6, 0), unequal(5, 1)
    (together,) = Cases(cases, "cpu").passes()
    with torch.no_grad():
        last, every = networks.last(together), networks.every(together)
        for index, length in enumerate(cases.lengths):
            (alone,) = Cases(series(cases.values[index : index + 1, :length]), "cpu").passes()
            torch.testing.assert_close(last[:, index], networks.last(alone)[:, 0])
            torch.testing.assert_close(every[:, index, :length], networks.every(alone)[:, 0])


def test_networks_side_by_side_do_not_meet() -> None:
    """Two learn from the same batches what each would alone."""
    cases = Cases(waves(20, 0), "cpu")[np.tile(np.arange(20), (2, 1))]

    def learned(first_network_too: bool) -> torch.Tensor:
        networks = RecurrentNetworks(2, 6, 6, 0)
        train(networks, lambda: networks.last(cases).square().mean(1)[0 if first_network_too else 1 :].sum(), 5)
        return networks.last(cases)[1]

    torch.testing.assert_close(learned(True), learned(False))


@pytest.mark.parametrize("n", [5, 200, 5000])
def test_a_batch_holds_different_cases_for_each_network(n: int) -> None:
    rows = batches_of(n, 3, np.random.default_rng(0))
    assert rows.shape == (3, min(n, 128))
    assert all(len(set(row.tolist())) == rows.shape[1] and max(row) < n for row in rows)
    assert n < 6 or set(rows[0].tolist()) != set(rows[1].tolist())


@pytest.fixture
def quick_learners(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that learn in as few as a fifth of the steps, by larger ones."""
    monkeypatch.setattr(_timegan, "RATE", 10 * _timegan.RATE)


# ---- the discriminative score


@pytest.mark.usefixtures("quick_learners")
@pytest.mark.parametrize("make", [waves, unequal])
def test_real_halves_are_not_told_apart(make: type[Series]) -> None:
    assert discriminative_scores(make(300, 1), make(300, 2), networks=2, steps=30).mean() < 0.15


@pytest.mark.usefixtures("quick_learners")
def test_noise_is_told_apart() -> None:
    scores = discriminative_scores(noise(300, 1), waves(300, 2), networks=4, steps=60)
    assert scores.max() > 0.4  # after so few steps not every network has learned it
    assert scores.mean() > 0.2


@pytest.mark.usefixtures("quick_learners")
def test_a_lost_end_is_told_apart_where_lengths_differ() -> None:
    short = unequal(300, 1)
    short = Series(np.where(np.arange(N_TIMEPOINTS)[:, None] < 4, short.values, np.nan), np.full(300, 4))
    assert discriminative_scores(short, waves(300, 2), networks=2, steps=60).mean() > 0.3


def test_scores_follow_from_the_seed_and_networks_differ() -> None:
    one, other = waves(60, 1), noise(60, 2)
    for scores in (discriminative_scores, predictive_scores):
        first = scores(one, other, networks=3, seed=3, steps=20)
        np.testing.assert_array_equal(scores(one, other, networks=3, seed=3, steps=20), first)
    assert len(set(first.tolist())) == 3
    assert not np.allclose(predictive_scores(one, other, networks=3, seed=4, steps=20), first)


# ---- the predictive score


@pytest.mark.usefixtures("quick_learners")
def test_real_series_teach_to_predict_and_noise_does_not() -> None:
    real = predictive_scores(waves(300, 1), waves(300, 2), networks=2, steps=80).mean()
    bad = predictive_scores(noise(300, 1), waves(300, 2), networks=2, steps=80).mean()
    assert real < 0.2  # the last channel's mean distance from 0.5, all that noise can teach, is twice that
    assert bad > real + 0.1


@pytest.mark.usefixtures("quick_learners")
def test_what_never_changes_is_predicted_and_errors_count_where_there_is_a_value() -> None:
    values = np.full((40, N_TIMEPOINTS, 3), 0.7, np.float32)
    values[:, 10:] = np.nan
    known = Series(values, np.full(40, 10))
    assert predictive_scores(known, known, networks=2, steps=100).mean() < 0.04
    errors = _errors(torch.tensor([[0.5, 0.9], [0.5, 0.5]]), torch.tensor([[0.4, torch.nan], [0.5, 0.1]]))
    torch.testing.assert_close(errors, torch.tensor([0.1, 0.2]))


@pytest.mark.usefixtures("quick_learners")
def test_the_predictive_score_hardly_sees_shuffled_time() -> None:
    """What docs/measures.md warns of, on channels that go together: they tell each other at any time."""
    rng = np.random.default_rng(0)
    level = np.cumsum(rng.normal(0, 0.03, (300, N_TIMEPOINTS, 1)), axis=1) + rng.random((300, 1, 1))
    prices = series(np.repeat(level, 6, axis=2).astype(np.float32))
    real, broken = (
        predictive_scores(synthetic, prices, networks=2, steps=80).mean() for synthetic in (prices, shuffled(prices, 1))
    )
    assert broken < real + 0.02


# ---- the correlational score


def test_correlations_of_opposite_sign_are_two_apart() -> None:
    line = np.random.default_rng(0).normal(size=(4, 1, 9)).astype(np.float32)
    synthetic, reference = np.concatenate([line, line, 3 * line], 1), np.concatenate([line, -line, 2 + line], 1)
    assert correlational_score(synthetic, reference) == pytest.approx((2 + 2) / 10, abs=1e-6)  # 0 with 1, and 1 with 2
    assert correlational_score(synthetic, synthetic) == 0


def test_correlations_count_what_is_known_and_a_still_channel_goes_with_nothing() -> None:
    values = np.random.default_rng(0).normal(size=(6, 2, 9)).astype(np.float32)
    shorter = values.copy()
    shorter[3:] = np.nan
    assert correlational_score(shorter, values[:3]) == pytest.approx(0, abs=1e-6)
    still = values.copy()
    still[:, 1] = 5
    assert 0 <= correlational_score(still, values) <= 0.2


def test_halves_correlate_alike_and_noise_does_not() -> None:
    one, other, bad = (
        np.moveaxis(synthetic.values, 1, 2) for synthetic in (waves(300, 1), waves(300, 2), noise(300, 3))
    )
    assert correlational_score(one, other) < 0.05
    assert correlational_score(bad, other) > 0.5
