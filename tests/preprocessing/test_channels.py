"""Channels of real data: whole numbers, booleans, bounds, constants, many of them, and lengths far apart."""

from __future__ import annotations

import json
import math
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tsinfogan.cli._parsing import parse_choice
from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.panel import Panel
from tsinfogan.errors import SettingError, UnknownNameError
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.bounds import MIN_TOUCHING, Limits, find_limits
from tsinfogan.preprocessing.grid import choose_grid, rows_to_choose_grid
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.preprocessing.resampling import NUMBERS_AT_ONCE, resampled, resampled_each
from tsinfogan.sampling import sampler as synthesis
from tsinfogan.sampling.inference import encode
from tsinfogan.sampling.request import CodeRequest
from tsinfogan.sampling.sampler import ROWS_PER_PASS, Passes, sample
from tsinfogan.training.plan import Plan, make_plan
from tsinfogan.training.session import build_model, make_trainer

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
CHANNELS = ("real", "count", "on", "percent", "fixed", "heavy")
KINDS: Any = ("real", "integer", "boolean", "real", "real", "real")
FIXED = np.float32(0.1)


def mixed(n: int = 40, *, unequal: bool = False) -> Panel:
    """One channel of each sort that real data has."""
    rng = np.random.default_rng(0)
    cases = []
    for case in range(n):
        length = 9 + case % 12 if unequal else 16
        wave = np.sin(2 * math.pi * (np.linspace(0, 1, length) + rng.uniform()))
        cases.append(
            np.stack(
                [
                    wave - 3,
                    rng.poisson(4 + 3 * wave),
                    wave > 0.3,
                    np.clip(50 + 70 * wave, 0, 100),
                    np.full(length, FIXED),
                    wave * rng.lognormal(sigma=2.5, size=length),
                ]
            )
        )
    return Panel.from_cases(
        cases, channels=CHANNELS, kinds=KINDS, name="mixed", augmentations=Augmentations(noise=0.05)
    )


def wild(panel: Panel, **choices: Any) -> Model:
    """A model whose untrained networks exceed every range."""
    plan = make_plan(panel, n_categories=(2,), noise_dim=3, width=4, **choices)
    model = build_model(plan, panel)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.generator.parameters():
            parameter.add_(torch.randn(parameter.shape))
    return model


def column(panel: Panel, name: str) -> NDArray[np.float32]:
    """All values of one channel that lie inside their cases."""
    values = panel.values[:, panel.channels.index(name)]
    found: NDArray[np.float32] = values[np.isfinite(values)]
    return found


# ---- what samples look like


@pytest.mark.parametrize("unequal", [False, True])
@pytest.mark.parametrize("scaling", ["auto", "standard", "robust", "quantile"])
def test_samples_of_any_network_are_what_the_channels_are(unequal: bool, scaling: str) -> None:
    panel = mixed(unequal=unequal)
    model = wild(panel, scaling=scaling)
    synthetic = sample(model, 200).panel
    assert synthetic.kinds == KINDS
    assert np.isfinite(column(synthetic, "heavy")).all()
    count, percent = column(synthetic, "count"), column(synthetic, "percent")
    assert (count == np.rint(count)).all()
    assert (count.min(), count.max()) == (column(panel, "count").min(), column(panel, "count").max())
    assert set(column(synthetic, "on").tolist()) == {0.0, 1.0}
    assert (percent.min(), percent.max()) == (0.0, 100.0)
    assert set(column(synthetic, "fixed").tolist()) == {float(FIXED)}
    free = column(synthetic, "real")
    assert free.min() < column(panel, "real").min(), "what has no bounds is free to leave the range seen"
    assert free.max() <= 0, "but what is never positive stays so"


def test_bounds_are_left_when_asked_and_kept_when_asked() -> None:
    panel = mixed()
    free = sample(wild(panel, bounds="none"), 200).panel
    assert column(free, "percent").min() < 0
    assert column(free, "percent").max() > 100
    assert column(free, "real").max() > 0
    assert set(column(free, "on").tolist()) == {0.0, 1.0}, "a boolean is a boolean whatever is asked"
    assert set(column(free, "fixed").tolist()) == {float(FIXED)}
    assert column(free, "count").min() >= 0
    kept = sample(wild(panel, bounds="observed"), 200).panel
    for name in CHANNELS:
        assert column(kept, name).min() >= column(panel, name).min()
        assert column(kept, name).max() <= column(panel, name).max()
    one = sample(wild(panel, bounds={"percent": "none", "real": "observed"}), 200).panel
    assert column(one, "percent").max() > 100
    assert column(one, "real").max() == column(panel, "real").max()


def test_training_with_all_sorts_of_channels_goes_on() -> None:
    panel = mixed(unequal=True)
    plan = make_plan(
        panel, n_categories=(2,), width=4, settings={"max_steps": 20, "pretraining_steps": 0, "batch_size": 8}
    )
    trainer = make_trainer(plan, build_model(plan, panel), panel)
    deque(trainer.run(), maxlen=0)
    synthetic = sample(trainer.model, 30).panel
    assert set(column(synthetic, "fixed").tolist()) == {float(FIXED)}
    assert set(column(synthetic, "on").tolist()) <= {0.0, 1.0}
    assert (column(synthetic, "count") % 1 == 0).all()


def test_samples_of_a_boolean_are_as_often_true_as_the_network_says() -> None:
    fitted = Preprocessor.fit(mixed(400))
    scaled = fitted.transform(mixed(400))
    noisy = scaled + np.random.default_rng(1).normal(0, 0.3, scaled.shape).astype(np.float32)
    back, _ = fitted.inverse(noisy)
    share = column(mixed(400), "on").mean()
    assert back[:, 2].mean() == pytest.approx(share, abs=0.02)


# ---- there and back


@given(
    lengths=st.lists(st.integers(1, 40), min_size=2, max_size=12),
    scaling=st.sampled_from(["auto", "standard", "robust", "quantile"]),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_equal_lengths_come_back_within_rounding_and_whole_numbers_exactly(
    lengths: list[int], scaling: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    sizes = (len(lengths), max(lengths))
    values = np.stack(
        [
            rng.standard_t(1.5, sizes) * 10.0 ** rng.integers(-6, 7),
            rng.poisson(rng.exponential(50), sizes),
            rng.uniform(size=sizes) < 0.4,
            np.full(sizes, rng.normal()),
            1e4 + rng.uniform(size=sizes),
        ],
        axis=1,
    )
    panel = Panel.from_arrays(values, kinds=("real", "integer", "boolean", "real", "real"))
    fitted = Preprocessor.fit(panel, scaling)
    assert Preprocessor.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted
    scaled = fitted.transform(panel)
    assert scaled.dtype == np.float32
    back, _ = fitted.inverse(scaled)
    for channel in (0, 4):
        width = float(np.ptp(panel.values[:, channel]))
        np.testing.assert_allclose(back[:, channel], panel.values[:, channel], rtol=1e-6, atol=1e-5 * width)
    np.testing.assert_array_equal(back[:, 1:4], panel.values[:, 1:4])


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile"])
def test_unequal_lengths_come_back_through_a_curve_too(scaling: str) -> None:
    """The spline runs through what the networks see, so a curve must be undone after it."""
    rng = np.random.default_rng(0)
    cases = []
    for length in rng.integers(40, 90, 60):
        wave = np.sin(2 * math.pi * (np.linspace(0, 1, length) + rng.uniform()))
        cases.append(np.stack([np.sinh(4 * wave), np.round(20 * wave)]))
    panel = Panel.from_cases(cases, kinds=("real", "integer"))
    fitted = Preprocessor.fit(panel, scaling)
    back, lengths = fitted.inverse(fitted.transform(panel))
    assert lengths is not None
    assert np.array_equal(lengths, panel.case_lengths)
    error = np.concatenate([(back[k, :, : len(case[0])] - case) ** 2 for k, case in enumerate(cases)], axis=1).mean(1)
    spread = np.concatenate([case**2 for case in cases], axis=1).mean(1)
    assert (np.sqrt(error / spread) < 0.03).all()
    assert (back[:, 1][np.isfinite(back[:, 1])] % 1 == 0).all()


def test_the_networks_never_see_an_outlier_as_large_as_it_is() -> None:
    panel = mixed(200)
    seen = {how: Preprocessor.fit(panel, how).transform(panel)[:, 5] for how in ("standard", "auto", "quantile")}
    assert np.abs(seen["standard"]).max() > 20 > 12 > np.abs(seen["auto"]).max() > np.abs(seen["quantile"]).max()


# ---- choosing


def test_limits() -> None:
    rng = np.random.default_rng(0)
    free, positive = rng.normal(size=1000).astype(np.float32), rng.lognormal(size=1000).astype(np.float32)
    rain = np.maximum(free, 0)
    assert find_limits(free, False, "auto") == Limits()
    assert find_limits(positive, False, "auto") == Limits(0.0, None)
    assert find_limits(-positive, False, "auto") == Limits(None, 0.0)
    assert find_limits(rain, False, "auto") == Limits(0.0, float(rain.max()))
    assert find_limits(np.minimum(free, 1), False, "auto") == Limits(float(free.min()), 1.0)
    assert find_limits(rain, False, "none") == Limits()
    assert find_limits(free, False, "observed") == Limits(float(free.min()), float(free.max()))
    assert find_limits(np.rint(free), True, "none") == Limits(float(np.rint(free.min())), float(np.rint(free.max())))
    assert find_limits(np.full(3, 7, np.float32), False, "none") == Limits(7.0, 7.0)
    padded = np.append(rain, np.full(10_000, np.nan, np.float32))
    assert find_limits(padded, False, "auto") == find_limits(rain, False, "auto"), "padding is no value"


def test_touching_an_end_by_chance_makes_no_bound() -> None:
    values = np.random.default_rng(0).normal(size=10_000).astype(np.float32)
    for n_touching, bounded in ((0, False), (18, False), (19, True)):  # beside the greatest itself
        values[1 : 1 + n_touching] = values.max()
        assert (find_limits(values, False, "auto") != Limits()) == bounded
    few = np.random.default_rng(0).normal(size=50).astype(np.float32)
    few[: MIN_TOUCHING - 1] = few.max() + 1
    assert find_limits(few, False, "auto") == Limits()


def test_channels_augmented_in_raw_units_are_scaled_linearly() -> None:
    heavy = np.random.default_rng(0).standard_cauchy((20, 4, 30))
    augmentations = Augmentations(rotation_rad=0.1, rotation_channels=(0, 2), gain=0.1, gain_channels=(3,))
    panel = Panel.from_arrays(heavy, augmentations=augmentations)
    for scaling in ("auto", "robust"):
        assert Preprocessor.fit(panel, scaling).scalings == ("standard", "robust", "standard", "standard")


def test_scaling_by_channel() -> None:
    panel = mixed()
    assert Preprocessor.fit(panel).scalings == (*("standard",) * 5, "robust")
    asked = {"real": "quantile", "heavy": "standard", "*": "robust"}
    assert Preprocessor.fit(panel, asked).scalings == (
        "quantile", "robust", "standard", "robust", "standard", "standard",
    )  # fmt: skip
    with pytest.raises(UnknownNameError, match="unknown scaling 'robus': did you mean 'robust'"):
        Preprocessor.fit(panel, "robus")
    with pytest.raises(UnknownNameError, match="unknown bounds 'some': choose from auto, none, observed"):
        make_plan(panel, bounds={"real": "some"})
    with pytest.raises(UnknownNameError, match="unknown channel 'reel': did you mean 'real'"):
        make_plan(panel, scaling={"reel": "robust"})


def test_images_have_one_scaling() -> None:
    pixels = np.random.default_rng(0).uniform(0, 255, (4, 1, 8, 8)).astype(np.float32)
    panel = Panel(pixels, ("grey",), view="image", name="pixels")
    assert Preprocessor.fit(panel, "standard") == Preprocessor.fit(panel)
    with pytest.raises(SettingError, match=r"pixels: images are always scaled to \[-1, 1\]"):
        make_plan(panel, scaling="robust")
    whole = Panel(np.rint(pixels), ("grey",), view="image", kinds=("integer",))
    assert (sample(wild(whole), 5).panel.values % 1 == 0).all()


def test_choices_read_from_the_command_line() -> None:
    assert parse_choice(["robust"]) == "robust"
    assert parse_choice(["volume=robust", "a=b=none"]) == {"volume": "robust", "a=b": "none"}
    assert parse_choice(["standard", "volume=robust"]) == {"*": "standard", "volume": "robust"}


def test_train_takes_both_by_channel(command: Any, small_csv: Any) -> None:
    outcome = command(
        "train", "--data", small_csv, "--dry-run", "--scaling", "quantile", "--scaling", "x=robust", "--bounds", "none"
    )
    resolved = json.loads(outcome.out)
    assert resolved["scaling"] == {"x": "robust", "y": "quantile"}
    assert resolved["plan"]["scaling"] == {"*": "quantile", "x": "robust"}
    assert resolved["plan"]["bounds"] == "none"
    refused = command("train", "--data", small_csv, "--dry-run", "--bounds", "z=none")
    assert "unknown channel 'z': choose from x, y" in refused.sentence


def test_a_plan_keeps_its_choices_and_an_older_one_had_none() -> None:
    panel = mixed()
    plan = make_plan(panel, scaling={"real": "robust"}, bounds="observed")
    written = json.loads(json.dumps(plan.to_dict()))
    assert Plan.from_dict(written) == plan
    del written["scaling"], written["bounds"]
    older = Plan.from_dict(written)
    assert set(build_model(older, panel).preprocessor.scalings) == {"standard"}


def test_preprocessing_of_an_older_run_is_what_it_was() -> None:
    """The oldest configs have no curves, limits, kinds and steps: nothing is cut off or rounded."""
    panel = Panel.from_arrays(np.random.default_rng(0).uniform(0, 9, (5, 2, 8)).round())
    now = Preprocessor.fit(panel, "standard", "none")
    lists = {name: [getattr(channel, name) for channel in now.channels] for name in ("offset", "scale", "low")}
    written = {**lists, "high": [9.0, 9.0], "grid": [8], "bounded": False, "lengths": None, "log_length": [0.0, 1.0]}
    older = Preprocessor.from_dict(json.loads(json.dumps(written)))
    np.testing.assert_array_equal(older.transform(panel), now.transform(panel))
    scaled = np.random.default_rng(1).normal(0, 9, (5, 2, 8)).astype(np.float32)
    back, _ = older.inverse(scaled)
    std, mean = (np.array(x, np.float32)[:, None] for x in (lists["scale"], lists["offset"]))
    np.testing.assert_array_equal(back, scaled * std + mean)
    bounded = Preprocessor.from_dict({**written, "bounded": True})  # as images were
    assert [channel.limits for channel in bounded.channels] == [(low, 9.0) for low in lists["low"]]


def test_preprocessing_of_format_2_is_read_whole() -> None:
    config = json.loads((FIXTURES / "run_of_format_2" / "run" / "config.json").read_text())["preprocessor"]
    read = Preprocessor.from_dict(config)
    assert read.grid == tuple(config["grid"])
    assert read.lengths == tuple(config["lengths"])
    for index, channel in enumerate(read.channels):
        assert [channel.offset, channel.scale, channel.low, channel.kind, channel.step, list(channel.limits)] == [
            config[name][index] for name in ("offset", "scale", "low", "kinds", "steps", "limits")
        ]
        assert json.loads(json.dumps(channel.to_dict()["curve"])) == config["curves"][index]
    assert Preprocessor.from_dict(json.loads(json.dumps(read.to_dict()))) == read


# ---- many channels, lengths far apart


def test_hundreds_of_channels_and_lengths_from_one_to_two_thousand() -> None:
    rng = np.random.default_rng(0)
    cases = []
    for length in (1, 2, 3, 4, 5, 17, 300, 2000):
        time = np.linspace(0, 1, length)
        cases.append(np.sin(2 * math.pi * (rng.uniform(0.5, 2, (300, 1)) * time + rng.uniform(size=(300, 1)))))
    panel = Panel.from_cases(cases, name="wide")
    plan = make_plan(
        panel, n_categories=(2,), width=4, settings={"max_steps": 3, "pretraining_steps": 0, "batch_size": 4}
    )
    trainer = make_trainer(plan, build_model(plan, panel), panel)
    deque(trainer.run(), maxlen=0)
    model = trainer.model
    assert model.preprocessor.grid[0] <= 64, "slow waves need few points however long they last"
    back, lengths = model.preprocessor.inverse(model.preprocessor.transform(panel))
    assert lengths is not None
    assert lengths.tolist() == [1, 2, 3, 4, 5, 17, 300, 2000]
    np.testing.assert_allclose(back[-1], panel.values[-1], atol=0.1)
    synthetic = sample(model, 3).panel
    assert synthetic.values.shape == (3, 300, 2000)
    assert len(encode(model, panel)["cat"]) == 8


def test_resampling_in_parts_is_resampling_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=(11, 3, 20)).astype(np.float32)
    lengths = np.array([1, 2, 3, 20, 50, 7, 7, 7, 33, 20, 5])
    whole, each = resampled(values, 33), resampled_each(values, lengths, 50)
    for k, length in enumerate(lengths):
        np.testing.assert_allclose(each[k, :, :length], resampled(values[k : k + 1], int(length))[0], rtol=1e-5)
        assert np.isnan(each[k, :, length:]).all()
    monkeypatch.setattr("tsinfogan.preprocessing.resampling.NUMBERS_AT_ONCE", 150)  # two cases
    np.testing.assert_allclose(resampled(values, 33), whole, rtol=1e-6)
    np.testing.assert_allclose(resampled_each(values, lengths, 50), each, rtol=1e-6)
    assert NUMBERS_AT_ONCE > 256 * 3 * 200, "a pass of ordinary series is one part"


def test_a_grid_is_chosen_from_some_of_much_data(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(rows_to_choose_grid(1422, 3 * 120)) == 200
    assert len(rows_to_choose_grid(7, 1e9)) == 7
    assert rows_to_choose_grid(1000, 300 * 5000).tolist() == np.linspace(0, 999, 20).astype(int).tolist()
    time = np.linspace(0, 1, 200)
    cases = [np.sin(2 * math.pi * (3 * time + np.arange(40)[:, None] / 40)).astype(np.float32) for _ in range(20)]
    whole = choose_grid(cases, 200)
    two_channels = 20 * 200 * 2
    monkeypatch.setattr("tsinfogan.preprocessing.grid.NUMBERS_TO_CHOOSE_GRID", two_channels)
    assert choose_grid(cases, 200) == whole


def test_large_cases_are_sampled_fewer_at_a_time_and_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model = wild(mixed(unequal=True))
    request = CodeRequest.of(model)
    assert Passes(model, 1, request, 0).size == ROWS_PER_PASS
    whole = sample(model, 50, seed=3).panel
    monkeypatch.setattr(synthesis, "NUMBERS_PER_PASS", 6 * 20 * 20)
    assert Passes(model, 1, request, 0).size == 16
    parts = sample(model, 50, seed=3).panel
    np.testing.assert_array_equal(parts.case_lengths, whole.case_lengths)
    real = [parts.channels.index("real"), parts.channels.index("percent")]
    np.testing.assert_allclose(parts.values[:, real], whole.values[:, real], rtol=1e-3, atol=1e-3)
