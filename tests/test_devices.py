"""How many threads a training takes, and in which precision it computes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tsinfogan import devices

REST = "cpu0 1 2 3 4\nintr 5\n"


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_idle_share() -> None:
    before, after = f"cpu  100 0 50 700 20 1 1 0 9 9\n{REST}", f"cpu  150 5 55 730 30 1 1 0 99 99\n{REST}"
    assert devices.idle_share(before, after) == pytest.approx(40 / 100)
    assert devices.idle_share(before, before) == 0


@pytest.mark.parametrize(("n_idle", "n_threads"), [(2.0, 2), (1.6, 2), (1.2, 1), (0.1, 1), (64, 2)])
def test_threads_are_left_to_others(monkeypatch: pytest.MonkeyPatch, n_idle: float, n_threads: int) -> None:
    monkeypatch.setattr(devices, "n_idle_processors", lambda: n_idle)
    said = devices.leave_busy_processors()
    assert torch.get_num_threads() == n_threads
    assert ("computes on 1 of" in said) == (n_threads == 1)


def test_who_names_a_number_of_threads_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "n_idle_processors", lambda: 0.0)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert devices.leave_busy_processors() == ""
    assert torch.get_num_threads() == 2


def test_idle_processors_of_this_machine() -> None:
    assert 0 <= devices.n_idle_processors(0.02) <= (devices.os.cpu_count() or 1)


@pytest.mark.parametrize("gain", [0.7, 1.0, 1.5])
def test_the_faster_precision_is_taken_where_the_processor_has_bf16(
    monkeypatch: pytest.MonkeyPatch, gain: float
) -> None:
    seconds = {torch.float32: gain, torch.bfloat16: 1.0}
    monkeypatch.setattr(devices, "_seconds_of_a_convolution", lambda dtype: seconds[dtype])
    monkeypatch.setattr(devices, "_multiplies_bf16", lambda device: True)
    devices._bf16_gain.cache_clear()
    cpu = torch.device("cpu")
    assert devices.choose_precision("auto", cpu) == (torch.bfloat16 if gain > 1.1 else torch.float32)
    assert devices.choose_precision("float32", cpu) == torch.float32
    devices._bf16_gain.cache_clear()
    assert torch.get_num_threads() == 2
    monkeypatch.setattr(devices, "_multiplies_bf16", lambda device: False)
    assert devices.choose_precision("auto", cpu) == torch.float32


def test_a_convolution_takes_time_in_both_precisions() -> None:
    assert all(devices._seconds_of_a_convolution(dtype) > 0 for dtype in (torch.float32, torch.bfloat16))
