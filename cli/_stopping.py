"""Ctrl-C and SIGTERM as a wish that a training fulfils at its next step."""

from __future__ import annotations

import signal
from types import TracebackType
from typing import Any


class StopSignals:
    """While entered, notes the first signal in ``number``; a second one ends the program at once, as ever."""

    number: int | None = None

    def __enter__(self) -> StopSignals:
        self._before: dict[int, Any] = {
            number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def asked(self) -> bool:
        """Whether a signal came."""
        return self.number is not None

    def _note(self, number: int, _frame: object) -> None:
        self.number = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
