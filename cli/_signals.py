"""Signals that end the program, and what training does instead."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


def ending_signals() -> list[int]:
    """SIGTERM, and that of a closed terminal unless it is ignored, as ``nohup`` has it."""
    names = ("SIGTERM", "SIGHUP")  # not every system has the latter
    numbers: list[int] = [getattr(signal, name) for name in names if hasattr(signal, name)]
    return [number for number in numbers if number == signal.SIGTERM or signal.getsignal(number) != signal.SIG_IGN]


def end_at_signals() -> None:
    """Has these signals end the program in order, so that no half-written file stays behind."""

    def end(number: int, _frame: object) -> NoReturn:
        sys.exit(128 + number)

    for number in ending_signals():
        signal.signal(number, end)


def discard(stream: int) -> None:
    """Lets what is written to an open file of this number go nowhere from now on."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream)
    os.close(nowhere)


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Handles Ctrl-C and these signals: training stops after the current step; a second one ends the program at once.

    Yields a list that holds the first signal once it came.
    """
    came: list[int] = []
    on_terminal = os.isatty(2)

    def note(number: int, _frame: object) -> None:
        came.append(number)
        restore()
        if on_terminal and number not in (signal.SIGINT, signal.SIGTERM):  # the terminal is gone
            discard(2)

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, *ending_signals())}
    try:
        yield came
    finally:
        restore()
