"""Hostile and mutated data files through the readers: each is read or refused in one sentence, soon, in little memory.

    python benchmarks/fuzz_files.py                    # two minutes, as `make fuzz` and the checks run it
    python benchmarks/fuzz_files.py --seconds 3600 --seed 1 --keep failed

Three kinds of file are drawn by hypothesis: good files of every form with bytes changed, dropped, repeated or swapped;
tables of nearly right cells in any dialect; and lines that have hurt a parser somewhere. Each is read with drawn
options. A failure is a traceback, more than 10 s of the processor, more than 2 GB of memory, or a sentence that does
not name the file. Failing files are shrunk, kept with ``--keep``, and make the exit code 1.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import resource
import signal
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tsinfogan import ColumnNames, Panel, TsInfoGANError, Windows, read_panel, write_panel

MAX_SECONDS, MAX_BYTES = 10, 2 << 30
AT_ONCE = 200
TOKENS = [
    "", " ", "0", "1", "-1", "1.5", "1,5", "1.500,0", "1e400", "5e-324", "nan", "#N/A", "?", "-", "inf", "true", "a",
    "2020-01-01", "2020-02-30", "01/02/2024", "25/12/2023 5:00 PM", "1970 Q1", "Jul 1991", "20240131", "00:00:30",
    "1678-01-01", "2261-12-31", "2024-10-27 02:00", "2024-10-27T02:00+01:00", "9999-12-31T23:59:60Z", "16777217",
    "9" * 400, '"', '"a', '""', "'", "\\", "\x00", "\u202e", "=1+1", "{1:2}", "@data", "(0,1)", "case", "time",
    "\ufeff", "é", "9 s",
]  # fmt: skip
NAMES = [
    "",
    " ",
    *["case", "time", "label", "x", "y", "cat", "cont0", "channel", "row", "column", "0", "1", "t0", "t1", "2020-01"],
]
TIMES: list[Callable[[int], str]] = [
    str, "{}.25".format, "2024-01-0{}".format, "1{}/02/2023".format, "2024010{}".format, "00:00:0{}".format,
    "{} s".format, "2024-01-01 0{}:00+01:00".format, "199{} Q1".format, "Jul 199{}".format,
    lambda row: f"2024-0{row + 1}-01",
]  # fmt: skip
HOSTILE = [
    b"\x00" * 1000,
    b"[" * 200_000,
    b"(" * 100_000 + b",1)" * 1000,
    b'"' * 100_001,
    b"a,b\n" + b"1," * 100_000,
    b"\n" * 1_000_000,
    b"x;" * 50_000 + b"\n" + b"1,5;" * 50_000,
    b"case,time,x\n1,1678-01-01,1\n1,2261-12-31,2\n1,2000-01-01,3\n1,2000-01-02,4\n",
    b"case,time,x\n0,0,1\n0,1,1\n" + b"1,%d,1\n" % 10**15 + b"1,0,1\n" * 9,
    b"@relation x\n@attribute a numeric\n@attribute c {x,y}\n@data\n1,2," + b" " * 200_000 + b"\"x'\n",
    b"@attribute a " + b"'" * 100_000 + b"\n@data\n1\n",
    b"@univariate true\n@classLabel false\n@data\n" + b"1\n" * 20_000 + b"1," * 100_000 + b"1\n",
    b"@timestamps true\n@classLabel false\n@data\n" + b"(0,1),(1e300,1)\n" * 9,
    b"@timestamps true\n@classLabel true a\n@data\n" + b"((((" * 9999 + b":a\n",
    gzip.compress(bytes(1 << 28)),
]
SUFFIXES = [
    *[
        "csv",
        "wide.csv",
        "tsv",
        "txt",
        "jsonl",
        "ts",
        "arff",
        "tsf",
        "npz",
        "npy",
        "parquet",
        "arrow",
        "csv.gz",
        "csv.zip",
    ]
]

usual = st.just(ColumnNames())
columns = (
    usual
    | usual
    | st.builds(
        ColumnNames,
        case=st.none() | st.sampled_from(["case", "x"]),
        time=st.none() | st.sampled_from(["time", "y", "year,month", "time,y"]),
        label=st.none() | st.sampled_from(["", "label"]),
        ignore=st.just(()) | st.just(("cont0",)),
        missing=st.just(()) | st.just(("-1", "?")),
        dates=st.none() | st.sampled_from(["day_first", "month_first", "numbers"]),
        layout=st.none() | st.sampled_from(["long", "wide", "ntc", "nct"]),
        delimiter=st.none() | st.sampled_from([";", ",", " "]),
        decimal=st.none() | st.sampled_from([",", "."]),
    )
)
windows = (
    st.none() | st.none() | st.builds(Windows, st.integers(2, 5), st.integers(1, 3), st.sampled_from(["window", "row"]))
)


def good_files() -> list[tuple[str, bytes]]:
    """A file of each form, with its suffix."""
    rng = np.random.default_rng(0)
    panel = Panel.from_cases(
        [rng.normal(size=(2, n)).round(3) + np.array([[0], [4649776]]) for n in (9, 9, 7)],
        channels=["x", "y"],
        labels=["a", "b", "a"],
    )
    found: list[tuple[str, bytes]] = []
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("csv", "wide.csv", "ts", "arff", "npz", "parquet", "arrow"):
            path = Path(folder, f"good.{suffix}")
            write_panel(panel, path)
            found.append((suffix, path.read_bytes()))
    table = pd.read_csv(io.BytesIO(found[0][1]))
    text = {
        sep: table.to_csv(index=False, sep=sep, decimal=decimal).encode() for sep, decimal in ((";", ","), ("\t", "."))
    }
    dated = table.assign(time=pd.to_datetime(table.time, unit="D").dt.strftime("%d/%m/%Y")).to_csv().encode()
    ucr = b"".join(b"%d  " % (k % 2) + b"  ".join(b"%.4f" % v for v in rng.normal(size=12)) + b"\n" for k in range(9))
    lines = "".join(json.dumps(row) + "\n" for row in table.to_dict("records")).encode()
    tsf = b"@attribute series_name string\n@attribute start_timestamp date\n@frequency daily\n@data\n"
    tsf += b"".join(b"T%d:1990-01-01 00-00-00:1,2,?,4\n" % k for k in range(4))
    stamps = b"@timestamps true\n@classLabel true a\n@data\n" + b"(0,1),(1,2),(2,?):(0,3),(1,4),(2,2):a\n" * 3
    market = b"Price,Close,High\nTicker,A,A\nDate,,\n" + b"".join(
        b"2023-01-%02d,1.5,%d\n" % (k, k) for k in range(1, 20)
    )
    array = io.BytesIO()
    np.save(array, rng.normal(size=(4, 2, 6)))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("good.csv", found[0][1])
    return [
        *found,
        *(("csv", content) for content in (*text.values(), dated, market)),
        *(("txt", ucr), ("jsonl", lines), ("tsf", tsf), ("ts", stamps), ("npy", array.getvalue())),
        *(("csv.gz", gzip.compress(found[0][1])), ("csv.zip", archive.getvalue())),
    ]


@st.composite
def mutated(draw: st.DrawFn, files: list[tuple[str, bytes]]) -> tuple[str, bytes]:
    """A good file with some places changed, at times under another suffix."""
    suffix, content = draw(st.sampled_from(files))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 1, 2, 8, 60])))
        piece = draw(
            st.binary(max_size=8)
            | st.sampled_from([token.encode("utf-8", "surrogatepass") for token in TOKENS])
            | st.sampled_from([b",", b";", b"\n", b":", content[end : end + 60], content[start:end] * 3])
        )
        content = content[:start] + piece + content[end:]
    return draw(st.just(suffix) | st.sampled_from(SUFFIXES)) if draw(st.integers(0, 9)) == 0 else suffix, content


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, bytes]:
    """A table of which some names and cells are changed, in any dialect."""
    n_columns, n_rows = draw(st.integers(1, 12)), draw(st.integers(0, 8))
    time = draw(st.sampled_from(TIMES))
    table = [["case", "time", *(f"x{k}" for k in range(n_columns - 2))][:n_columns]]
    table += [[str(row // 4), time(row % 4), *(f"{row * k}.5" for k in range(n_columns - 2))] for row in range(n_rows)]
    for _ in range(draw(st.integers(0, 3))):
        row = table[draw(st.integers(0, len(table) - 1))]
        row[draw(st.integers(0, len(row) - 1))] = draw(st.sampled_from([*TOKENS, *NAMES]))
    if draw(st.integers(0, 9)) == 0:
        table[-1] = table[-1][: draw(st.integers(0, len(table[-1])))] + draw(
            st.lists(st.sampled_from(TOKENS), max_size=2)
        )
    delimiter = draw(st.sampled_from([",", ";", "\t", "  ", "|"]))
    text = draw(st.sampled_from(["\n", "\r\n"])).join(delimiter.join(row) for row in table)
    return draw(st.sampled_from(["csv", "tsv", "txt", "wide.csv"])), text.encode("utf-8", "surrogatepass")


hostile = st.tuples(st.sampled_from(SUFFIXES), st.sampled_from(HOSTILE) | st.binary(max_size=300))


class TooSlow(BaseException):
    """Not an Exception, so that no reader takes it for damaged bytes."""


def attempt(folder: Path, file: tuple[str, bytes], how: ColumnNames, cut: Windows | None) -> str:
    """``read`` or ``refused``; raises AssertionError for anything else."""
    path = folder / f"mine.{file[0]}"
    path.write_bytes(file[1])
    before = _peak_bytes()
    signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
    try:
        read_panel(path, how, cut)
    except TsInfoGANError as error:
        if "mine" not in str(error) or "\n" in str(error):
            raise AssertionError(f"not one sentence that names the file: {error}") from None
        return "refused"
    except TooSlow:
        raise AssertionError(f"more than {MAX_SECONDS} s of the processor") from None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        if _peak_bytes() > max(before, MAX_BYTES):
            raise AssertionError(f"{_peak_bytes() >> 20} MiB of memory")
    return "read"


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Campaign:
    """Numbers of files by kind and outcome, until a time; the seed decides what is tried."""

    def __init__(self, until: float, first_seed: int, keep: Path | None) -> None:
        self.until, self.seed, self.keep, self.counts = until, first_seed, keep, Counter[str]()

    def go_on(self, kind: str, drawn: st.SearchStrategy[tuple[str, bytes]], folder: Path) -> None:
        """Tries so many files of a kind; a file that fails is shrunk and said."""
        last: list[Any] = []
        self.seed += 1

        @seed(self.seed)
        @settings(max_examples=AT_ONCE, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(drawn, columns, windows)
        def check(file: tuple[str, bytes], how: ColumnNames, cut: Windows | None) -> None:
            last[:] = file, how, cut
            if time.monotonic() < self.until:
                self.counts[f"{kind}, {attempt(folder, file, how, cut)}"] += 1

        try:
            check()
        except Exception as error:
            self.counts[f"{kind}, failed"] += 1
            file, how, cut = last
            print(f"{kind}: {type(error).__name__}: {error}\n  {file!r:.500} {how.to_dict()} {cut}", file=sys.stderr)
            if self.keep is not None:
                self.keep.mkdir(parents=True, exist_ok=True)
                (self.keep / f"{self.counts.total()}.{file[0]}").write_bytes(file[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=110, help="how long to go on")
    parser.add_argument("--seed", type=int, default=0, help="another one tries other files")
    parser.add_argument("--keep", type=Path, help="folder for files that failed")
    arguments = parser.parse_args()

    def too_slow(*_: object) -> None:
        raise TooSlow

    signal.signal(signal.SIGPROF, too_slow)
    campaign = Campaign(time.monotonic() + arguments.seconds, arguments.seed * 1_000_000, arguments.keep)
    kinds = {"mutated": mutated(good_files()), "tables": tables(), "hostile": hostile}
    with tempfile.TemporaryDirectory() as folder:
        for kind, drawn in cycle(kinds.items()):
            if time.monotonic() >= campaign.until:
                break
            campaign.go_on(kind, drawn, Path(folder))
    for what, number in sorted(campaign.counts.items()):
        print(f"{what:24} {number}")
    print(f"{'in all':24} {campaign.counts.total()}")
    sys.exit(any("failed" in what for what in campaign.counts))


if __name__ == "__main__":
    main()
