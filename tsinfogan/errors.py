"""Errors that a user can mend: one sentence that says what was expected, what was got, where, and what to do.

Messages name Python parameters between backticks, such as `n_continuous`; the command line turns them into options.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class TsInfoGANError(Exception):
    """Base of every error that the user can mend. The command line prints it as one sentence, without a traceback.

    Example:
        >>> from tsinfogan import TsInfoGANError, load_dataset
        >>> try:
        ...     load_dataset("pen_stroke")
        ... except TsInfoGANError as error:
        ...     print(str(error).partition("?")[0])
        unknown dataset 'pen_stroke': did you mean 'pen_strokes'
    """


class DataError(TsInfoGANError, ValueError):
    """The series cannot be used as they are."""


class DownloadError(TsInfoGANError):
    """A dataset could not be fetched, or is not what its checksum or content says it should be."""


class RunError(TsInfoGANError):
    """A run directory is missing, damaged, of another program, or cannot be written."""


class RankError(RunError):
    """Another process of one training has ended, and said why."""


class SettingError(TsInfoGANError, ValueError):
    """An argument has a value that does not exist, or that does not fit the data or the other arguments."""


class DivergedError(TsInfoGANError):
    """Training met a loss that is not finite."""


class UnknownNameError(SettingError):
    """A name does not exist; the message lists those that do, and the most similar one.

    Args:
        kind: what the name is of, such as ``"dataset"``.
        name: what was asked for.
        known: the names that exist.

    Attributes:
        name: what was asked for.
        known: the names that exist, sorted.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        choices = f"choose from {', '.join(known)}" if known else "there are none yet"
        super().__init__(f"unknown {kind} {name!r}: {hint}{choices}")
        self.name = name
        self.known = tuple(known)
