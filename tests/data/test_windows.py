"""Windows of a recording: views that behave like copies, and take no more memory than the recording."""

from __future__ import annotations

import hashlib
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch

from tsinfogan.data.columns import Windows
from tsinfogan.data.overlap import each_once, elementwise, measured, recording_of, stride_of, windows_of
from tsinfogan.data.panel import Panel, check_trainable
from tsinfogan.data.windows import Series, panel_from_series
from tsinfogan.errors import DataError
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.training.batch import on_device
from tsinfogan.training.plan import make_plan
from tsinfogan.training.session import build_model, make_trainer
from tsinfogan.training.trainer import Trainer

MEGABYTE = 1 << 20


def recording(n_rows: int = 400, n_channels: int = 3) -> np.ndarray:
    """``(c, t)`` channels of three kinds: a walk, heavy tails, and one decimal."""
    noise = np.random.default_rng(0).normal(size=(n_channels, n_rows))
    noise[0] = noise[0].cumsum()
    if n_channels > 2:
        noise[1], noise[2] = np.exp(2 * noise[1]), noise[2].round(1)
    return noise.astype(np.float32)


def windows(rows: np.ndarray, length: int = 24, stride: int = 1, **others: object) -> Panel:
    names = tuple(f"ch{index}" for index in range(len(rows)))
    return panel_from_series(Series(rows[None], names, **others), "rec", windows=Windows(length, stride))


def copied(panel: Panel) -> Panel:
    return replace(panel, values=np.ascontiguousarray(panel.values))


@pytest.mark.parametrize(("length", "stride"), [(24, 1), (24, 5), (24, 23), (2, 1)])
def test_windows_that_share_rows_are_views(length: int, stride: int) -> None:
    rows = recording()
    panel = windows(rows, length, stride)
    for case in (0, 1, panel.n_cases - 1):
        np.testing.assert_array_equal(panel.values[case], rows[:, case * stride : case * stride + length])
    found = recording_of(panel.values)
    assert found is not None
    assert found.stride == stride
    np.testing.assert_array_equal(found.values, rows[:, : (panel.n_cases - 1) * stride + length])
    assert np.shares_memory(panel.values, found.values)
    some = panel.subset(slice(3, 9, 2)).values if length > 2 * stride else panel.values[1:]
    np.testing.assert_array_equal(windows_of(each_once(some)[0], length, recording_of(some).stride), some)


def test_only_windows_that_share_rows_are_views() -> None:
    rows = recording()
    for values in (windows(rows, 24, 24).values, copied(windows(rows)).values, windows(rows, 400).values):
        assert recording_of(values) is None
        assert each_once(values) is values
        np.testing.assert_array_equal(measured(values, 1), values[:, 1])
    images = np.zeros((4, 1, 8, 8), np.float32)
    assert recording_of(images) is None
    assert recording_of(windows(rows).values.swapaxes(1, 2)) is None


def test_a_gap_or_a_second_recording_makes_copies() -> None:
    rows = recording()
    rows[0, 100:140] = np.nan
    panel = windows(rows)
    assert recording_of(panel.values) is None
    assert panel.n_cases < 377
    two = Series(np.stack([recording(), recording()]), ("a", "b", "c"))
    panel = panel_from_series(two, "two", windows=Windows(24))
    assert recording_of(panel.values) is None
    assert panel.n_cases == 2 * 377
    alone = Series(np.stack([recording(), recording()]), ("a", "b", "c"), lengths=np.array([400, 20]))
    alone.values[1, :, 20:] = np.nan
    assert recording_of(panel_from_series(alone, "one", windows=Windows(24)).values) is not None


def test_windows_are_hashed_measured_and_scaled_like_copies() -> None:
    panel = windows(recording(), 24, 5)
    copy = copied(panel)
    assert panel.fingerprint() == copy.fingerprint()
    preprocessor = Preprocessor.fit(panel)
    assert preprocessor == Preprocessor.fit(copy)
    assert set(preprocessor.scalings) == {"standard", "robust"}
    seen = preprocessor.transform(panel)
    assert recording_of(seen) is not None
    np.testing.assert_array_equal(seen, preprocessor.transform(copy))
    far = replace(panel, offsets=(5.0, 0.0, 0.0))
    moved = far.with_offsets((0.0, 0.0, 0.0))
    assert recording_of(moved.values) is not None
    np.testing.assert_array_equal(moved.values, copied(far).with_offsets((0.0, 0.0, 0.0)).values)
    tensor = on_device(seen, torch.device("cpu"))
    np.testing.assert_array_equal(tensor.numpy(), seen)
    assert tensor.untyped_storage().nbytes() == 4 * 3 * 399


@pytest.mark.parametrize("shape", [(3000, 2, 20), (3, 2, 9000), (40, 1, 30, 40)])
def test_of_very_many_numbers_some_are_measured_and_the_ends_of_all(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    values[1, 0, 3], values[2, 0, 5] = -90, 80
    whole = Preprocessor.fit(Panel(values, ("a", "b")[: shape[1]]), bounds="observed")
    monkeypatch.setattr("tsinfogan.data.overlap.ENOUGH_NUMBERS", 4000)
    monkeypatch.setattr("tsinfogan.data.overlap.ENOUGH_CASES", 20)
    numbers = measured(values, 0)
    assert 2000 < numbers.size <= 4400
    assert numbers[-2:].tolist() == [-90, 80] == [numbers.min(), numbers.max()]
    some = Preprocessor.fit(Panel(values, ("a", "b")[: shape[1]]), bounds="observed")
    assert [each.limits for each in some.channels] == [each.limits for each in whole.channels]
    assert [each.low for each in some.channels] == [each.low for each in whole.channels]
    seen = some.transform(Panel(values, ("a", "b")[: shape[1]]))[:, -1]
    assert abs(seen.mean()) < 0.1
    assert abs(seen.std() - 1) < 0.1


def test_of_very_many_windows_the_ends_of_all_rows_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = recording(4000, 1)
    values = windows(rows, 24, 5).values
    monkeypatch.setattr("tsinfogan.data.overlap.ENOUGH_NUMBERS", 100)
    monkeypatch.setattr("tsinfogan.data.overlap.ENOUGH_CASES", 4)
    numbers, within = measured(values, 0), recording_of(values).values
    assert numbers.size <= 102
    assert numbers[-2:].tolist() == [within.min(), within.max()]


def test_so_many_windows_that_hashing_each_would_take_long_are_hashed_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = windows(recording())
    each = panel.fingerprint()
    monkeypatch.setattr("tsinfogan.data.overlap.MAX_HASHED", 1000)
    assert panel.fingerprint() != each
    assert panel.fingerprint() == windows(recording()).fingerprint()
    other = recording()
    other[0, 399] += 1
    assert windows(other).fingerprint() != panel.fingerprint()
    assert windows(recording(), 25).fingerprint() != panel.fingerprint()


def test_pieces_hash_like_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = copied(windows(recording()))
    monkeypatch.setattr("tsinfogan.data.overlap.NUMBERS_AT_ONCE", 500)
    digest = hashlib.sha256(repr((panel.channels, panel.values.shape)).encode() + panel.values.tobytes())
    digest.update(panel.case_lengths.tobytes())
    assert panel.fingerprint() == digest.hexdigest()


def test_what_is_not_finite_is_found_in_any_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsinfogan.data.overlap.NUMBERS_AT_ONCE", 100)
    values = np.zeros((40, 2, 10), np.float32)
    values[33, 1, 4] = np.inf
    with pytest.raises(DataError, match=r"got inf in case 33, channel 'b', timepoint \[4\]"):
        Panel(values, ("a", "b"), name="late")
    rows = recording()
    rows[1, 7] = np.inf
    with pytest.raises(DataError, match=r"got inf in case 0, channel 'ch1', timepoint \[7\]"):
        windows(rows)


def trained(panel: Panel) -> Trainer:
    settings = {"batch_size": 8, "max_steps": 20, "flow_steps": 8, "pretraining_steps": 5}
    plan = make_plan(panel, width=4, noise_dim=3, n_categories=(3,), settings=settings)
    trainer = make_trainer(plan, build_model(plan, panel), panel)
    list(trainer.run())
    return trainer


def test_a_training_on_views_equals_one_on_copies() -> None:
    panel = windows(recording(), 24, 5)
    views, copies = trained(panel), trained(copied(panel))
    assert views.data.untyped_storage().nbytes() < copies.data.untyped_storage().nbytes() / 4
    assert views.model.class_proportions == copies.model.class_proportions
    for name, value in copies.state_dict().items():
        assert torch.equal(views.state_dict()[name], value), name


def test_peak_memory_is_that_of_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each window as a copy would take 64 times as much."""
    monkeypatch.setattr("tsinfogan.data.overlap.ENOUGH_NUMBERS", 1 << 16)
    monkeypatch.setattr("tsinfogan.data.overlap.NUMBERS_AT_ONCE", 1 << 18)
    rows = recording(250_000, 8)
    tracemalloc.start()
    panel = windows(rows, 64, 1, labels=np.repeat(np.arange(5), 50_000)[None], others={"classes": tuple("abcde")})
    check_trainable(panel)
    panel.fingerprint()
    Preprocessor.fit(panel).transform(panel)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * rows.nbytes + 24 * MEGABYTE < panel.values.nbytes / 8
    assert panel.labels.tolist() == sorted(panel.labels)


@pytest.mark.parametrize(("length", "stride"), [(24, 1), (24, 5), (3, 2)])
def test_windows_in_their_order_are_known_by_what_they_share(length: int, stride: int) -> None:
    panel = windows(recording(), length, stride)
    copies = copied(panel).values
    assert stride_of(panel.values) == stride_of(copies) == stride_of(copies[4:9]) == stride
    rng = np.random.default_rng(0)
    shuffled, apart, with_a_gap = rng.permutation(copies), copies[::length], np.delete(copies, 40, 0)
    for others in (shuffled, apart, with_a_gap, copies[:1], rng.normal(size=(9, 2, 8)), rng.normal(size=(9, 1, 8, 8))):
        assert stride_of(others) is None


def test_elementwise_changes_rows_once() -> None:
    seen = []
    values = windows(recording()).values
    result = elementwise(lambda part: seen.append(part.size) or part * 2, values)
    assert seen == [3 * 400]
    np.testing.assert_array_equal(result, 2 * values)
