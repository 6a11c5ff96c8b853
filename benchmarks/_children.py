"""Command lines in processes of their own, what came of them, and how many ended as they should."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tsinfogan.cli import main as command

LIMIT_S, LIMIT_KB = 300, 2_500_000
WORDS_OF_A_BUG = ("Traceback", "terminate called", "Segmentation", "not enough memory")


class Done(NamedTuple):
    """What came of one process: its exit code, negative for a signal, and what it wrote to stderr."""

    code: int
    said: str
    peak_kb: int
    cpu_s: float

    @property
    def is_clean(self) -> bool:
        """Whether it ended as it should: done, or with one sentence."""
        sentence = self.code == 0 or (self.code == 2 and self.said.rstrip().rpartition("\n")[2].startswith("error: "))
        return sentence and not any(word in self.said for word in WORDS_OF_A_BUG) and self.peak_kb < LIMIT_KB


class Child:
    """A forked process that runs ``work``, or a command line."""

    def __init__(self, *arguments: object, work: Callable[[], int] | None = None) -> None:
        self.said = Path(tempfile.mkstemp(prefix="said-")[1])
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                target = os.open(self.said, os.O_WRONLY)
                nowhere = os.open(os.devnull, os.O_RDWR)
                for number, source in ((0, nowhere), (1, nowhere), (2, target)):
                    os.dup2(source, number)
                code = work() if work else run(*arguments)
            except BaseException:
                sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
            os._exit(code)

    def kill(self) -> None:
        """Ends it as the system does when memory runs out."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self, limit_s: float = LIMIT_S) -> Done:
        """Its end; a process that takes too long is killed."""
        end = time.monotonic() + limit_s
        while True:
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > end:
                self.kill()
                end = float("inf")
            time.sleep(0.005)
        said = self.said.read_text(errors="replace")
        self.said.unlink()
        return Done(os.waitstatus_to_exitcode(status), said, usage.ru_maxrss, usage.ru_utime + usage.ru_stime)


def run(*arguments: object) -> int:
    """A command line in this process."""
    try:
        command([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    raise AssertionError("the command line does not return")


class Score:
    """Counts tries, and prints those that fail."""

    def __init__(self, what: str) -> None:
        self.what, self.n, self.failed = what, 0, 0

    def note(self, good: bool, how: str, done: Done | None = None) -> None:
        """One more try."""
        self.n += 1
        if not good:
            self.failed += 1
            said = [line[:200] for line in done.said.strip().splitlines()[-12:]] if done else []
            print(f"FAILED: {self.what}, {how}: {done.code if done else ''}\n    " + "\n    ".join(said), flush=True)

    def row(self) -> str:
        """A row of the table."""
        return f"| {self.what} | {self.n - self.failed} of {self.n} |"
