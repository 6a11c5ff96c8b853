"""Scalings of one channel: increasing, inverted exactly, never far beyond the data, chosen by the tails."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from tsinfogan.datasets import load_dataset
from tsinfogan.errors import DownloadError
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.preprocessing.scaling import (
    KNEE,
    ChannelTransform,
    QuantileCurve,
    RobustCurve,
    fit_scaling,
    has_heavy_tails,
    robust_spread,
)

RANDOM = np.random.default_rng(0)
FLOAT32_ROUNDING = 1e-5
"""Of the range of a channel: what a float32 between forward and inverse may cost."""
over_scalings = pytest.mark.parametrize("scaling", ["standard", "robust", "quantile"])
DRAWS = {
    "normal": RANDOM.normal(3, 2, 5000),
    "uniform": RANDOM.uniform(-1, 1, 5000),
    "laplace": RANDOM.laplace(size=5000),
    "exponential": RANDOM.exponential(size=5000),
    "two values": (RANDOM.uniform(size=5000) < 0.3).astype(float),
    "arcsine": np.sin(RANDOM.uniform(0, 2 * np.pi, 5000)),
    "log-normal of spread 2": RANDOM.lognormal(sigma=2, size=5000),
    "cauchy": RANDOM.standard_cauchy(5000),
    "normal, one in 500 a thousandfold": RANDOM.normal(size=5000) * np.where(np.arange(5000) % 500, 1, 1000),
    "mostly zero": np.where(RANDOM.uniform(size=5000) < 0.97, 0, RANDOM.lognormal(sigma=2, size=5000)),
}
HEAVY = {"log-normal of spread 2", "cauchy", "normal, one in 500 a thousandfold", "mostly zero"}


def forward(scaler: ChannelTransform, values: NDArray[np.float64]) -> NDArray[np.float64]:
    scaled = (values - scaler.offset) / scaler.scale
    return scaled if scaler.curve is None else scaler.curve.forward(scaled)


def inverse(scaler: ChannelTransform, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    straight = scaled if scaler.curve is None else scaler.curve.inverse(scaled)
    return straight * scaler.scale + scaler.offset


@st.composite
def channels(draw: st.DrawFn) -> NDArray[np.float32]:
    """Values of any size, among them outliers and many that are equal."""
    size, unit = draw(st.integers(2, 300)), 10.0 ** draw(st.integers(-8, 8))
    elements = st.floats(-1, 1, width=32) | st.floats(-1e5, 1e5, width=32) | st.sampled_from([0.0, 1.0])
    values = draw(arrays(np.float64, size, elements=elements)) * unit
    return np.where(np.abs(values) < 1e-30, 0, values).astype(np.float32)  # below, float32 has fewer digits


@over_scalings
@given(values=channels())
@settings(max_examples=60, deadline=None)
def test_inverse_of_forward_is_exact_on_the_data(scaling: str, values: NDArray[np.float32]) -> None:
    scaler = fit_scaling(values, scaling)
    scaled = forward(scaler, values.astype(np.float64))
    width = float(np.ptp(values.astype(np.float64)))
    np.testing.assert_allclose(inverse(scaler, scaled), values, rtol=1e-6, atol=1e-9 * width)
    rounded = scaled.astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(inverse(scaler, rounded), values, rtol=1e-6, atol=FLOAT32_ROUNDING * width)


@over_scalings
@given(values=channels(), others=arrays(np.float64, 30, elements=st.floats(-20, 20)))
@settings(max_examples=60, deadline=None)
def test_both_ways_increase_also_beyond_the_data(
    scaling: str, values: NDArray[np.float32], others: NDArray[np.float64]
) -> None:
    scaler = fit_scaling(values, scaling)
    raw = inverse(scaler, np.sort(others))
    width = float(np.ptp(values.astype(np.float64))) or 1.0
    assert (np.diff(raw) >= -1e-9 * width).all()
    spread_out = np.linspace(float(values.min()) - width, float(values.max()) + width, 50)
    assert (np.diff(forward(scaler, spread_out)) > 0).all()
    back = inverse(scaler, forward(scaler, spread_out))
    np.testing.assert_allclose(back, spread_out, atol=1e-6 * width, rtol=1e-6)


@over_scalings
@pytest.mark.parametrize("name", [name for name in DRAWS if name != "mostly zero"])
def test_scaled_values_have_mean_zero_and_unit_spread(scaling: str, name: str) -> None:
    values = DRAWS[name].astype(np.float32)
    scaled = forward(fit_scaling(values, scaling), values.astype(np.float64))
    assert (scaled.mean(), scaled.std()) == pytest.approx((0, 1), abs=1e-4)


def test_what_heavy_tails_do_to_each_scaling() -> None:
    values = DRAWS["cauchy"].astype(np.float32)
    greatest, middle = {}, {}
    for scaling in ("standard", "robust", "quantile"):
        scaled = forward(fit_scaling(values, scaling), values.astype(np.float64))
        greatest[scaling] = float(np.abs(scaled).max())
        middle[scaling] = float(np.subtract(*np.quantile(scaled, [0.75, 0.25])))
    assert greatest["standard"] > 30 > 12 > greatest["robust"] > greatest["quantile"]
    assert middle["standard"] < 0.1, "the spread is the outliers'"
    assert middle["robust"] > 0.4
    assert middle["quantile"] == pytest.approx(1.349, abs=0.05), "of a normal distribution"


def test_quantile_scaling_makes_any_distribution_normal() -> None:
    for name in ("normal", "uniform", "exponential", "arcsine", "cauchy", "log-normal of spread 2"):
        values = DRAWS[name].astype(np.float32)
        scaled = forward(fit_scaling(values, "quantile"), values.astype(np.float64))
        normal = {0.025: -1.96, 0.159: -1.0, 0.5: 0.0, 0.841: 1.0, 0.975: 1.96}
        assert np.quantile(scaled, list(normal)) == pytest.approx(list(normal.values()), abs=0.05), name


def test_a_robust_curve_is_linear_in_the_middle_and_a_logarithm_beyond() -> None:
    curve = RobustCurve(low=-1000.0, high=1000.0)
    inside = np.linspace(-KNEE, KNEE, 9)
    np.testing.assert_array_equal(curve.forward(inside), inside)
    far = np.array([10.0, 100.0, 1000.0])
    np.testing.assert_allclose(curve.forward(far), KNEE + np.log(1 + far - KNEE))
    np.testing.assert_array_equal(curve.forward(-far), -curve.forward(far))


@pytest.mark.parametrize("scaling", ["robust", "quantile"])
def test_beyond_the_data_a_curve_is_linear(scaling: str) -> None:
    """If it were logarithmic there, five more would be a hundredfold."""
    values = DRAWS["log-normal of spread 2"].astype(np.float32)
    scaler = fit_scaling(values, scaling)
    top = forward(scaler, values.max()[None].astype(np.float64))
    first, second, fifth = (float(inverse(scaler, top + step)[0]) for step in (1, 2, 5))
    assert values.max() < first
    assert second - first == pytest.approx(first - values.max(), rel=1e-5)
    assert fifth < 100 * values.max()


@pytest.mark.parametrize("name", DRAWS)
def test_auto_is_robust_where_tails_are_heavy(name: str) -> None:
    curve = fit_scaling(DRAWS[name].astype(np.float32), "auto").curve
    assert isinstance(curve, RobustCurve) if name in HEAVY else curve is None


def test_the_rule_for_heavy_tails_is_the_share_of_variance_in_one_percent() -> None:
    values = np.zeros(1000)
    values[:10], values[10:20] = 1, -1  # half of the variance in one percent of the values
    assert has_heavy_tails(values)
    values[20:30] = 1  # a third
    assert not has_heavy_tails(values)
    assert not has_heavy_tails(np.append(np.zeros(98), 1)), "fewer than a hundred values"
    assert has_heavy_tails(np.append(np.zeros(99), 1))
    assert not has_heavy_tails(np.full(200, 3.0))


@pytest.mark.parametrize("name", ["char_traj", "mnist", "pen_strokes", "sines", "uea:BasicMotions"])
def test_auto_leaves_the_datasets_of_this_project_as_they_were(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their figures were measured so."""

    def refuse(*_: object, **__: object) -> None:
        raise DownloadError("not here")

    monkeypatch.setattr("tsinfogan.datasets.sources.download", refuse)
    try:
        panel = load_dataset(name)
    except DownloadError:
        pytest.skip(f"the files of {name} are neither under TSINFOGAN_DATA nor in the cache")
    assert set(Preprocessor.fit(panel).scalings) == {"standard"}


@over_scalings
def test_a_constant_is_shifted_to_zero(scaling: str) -> None:
    for value in (0.0, 0.1, -7.25, 1e30):
        scaler = fit_scaling(np.full(500, value, np.float32), scaling)
        assert scaler == ChannelTransform(float(np.float32(value)), 1.0)


def test_robust_spread_has_somewhere_to_go_when_values_are_equal() -> None:
    assert robust_spread(RANDOM.normal(0, 3, 100_000)) == pytest.approx(3, rel=0.02)
    ninety_five = np.append(np.zeros(960), np.arange(1, 41))  # the middle 90 % is zero
    assert robust_spread(ninety_five) > 0
    rare = np.append(np.zeros(9999), 5.0)
    assert robust_spread(rare) == pytest.approx(rare.std())


@pytest.mark.parametrize("scaling", ["robust", "quantile"])
def test_a_curve_survives_json_and_is_short(scaling: str) -> None:
    scaler = fit_scaling(DRAWS["cauchy"].astype(np.float32), scaling)
    assert scaler.scaling == scaling
    text = json.dumps(scaler.to_dict())
    assert ChannelTransform.from_dict(json.loads(text)) == scaler
    assert text.count(",") < 250


def test_equal_values_share_a_score() -> None:
    curve = QuantileCurve.fit(np.repeat([0.0, 1.0, 5.0], [60, 30, 10]))
    assert curve.values == (0.0, 1.0, 5.0)
    assert np.diff(curve.scores).min() > 0.3
