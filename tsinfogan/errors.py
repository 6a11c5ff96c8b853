"""The errors a user is meant to see: one sentence that says what was expected, what came, where, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class TsInfoGANError(Exception):
    """Base of every error that the user can mend. The command line prints it as one sentence, without a traceback."""


class DataError(TsInfoGANError, ValueError):
    """The series handed in cannot be used as they are."""


class DownloadError(TsInfoGANError):
    """A dataset could not be fetched, or is not what its checksum or content says it should be."""


class RunError(TsInfoGANError):
    """A run directory is missing, damaged, not ours, or cannot be written."""


class SettingError(TsInfoGANError, ValueError):
    """An option or argument has a value that makes no sense."""


class DivergedError(TsInfoGANError):
    """Training met a loss that is not finite."""


class UnknownNameError(SettingError):
    """A name that was looked up does not exist; the message lists the ones that do."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        choices = f"choose from {', '.join(known)}" if known else "there are none yet"
        super().__init__(f"unknown {kind} {name!r}: {hint}{choices}")
        self.name = name
        self.known = tuple(known)
