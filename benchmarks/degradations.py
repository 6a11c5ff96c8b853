"""Which measure sees which fault: real series, spoilt in one way each, judged as synthetic ones. For docs/measures.md.

    python benchmarks/degradations.py char_traj
    python benchmarks/degradations.py char_traj --full --only discriminator,frechet

One half of TRAIN serves as the training series. The other half, which is as real, is spoilt and judged beside
TEST; the first fault is none, the last one the seen half itself. Without ``--full`` as `tsinfogan evaluate --quick`
does it: 500 series, fewer repeats and steps. Bold is what the verdict calls worse than real series; with "?", so few
series or repeats cannot tell.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Mapping

from _degradations import DEGRADATIONS
from _shared import print_header
from tsinfogan.data.panel import Panel
from tsinfogan.datasets import load_dataset
from tsinfogan.metrics.comparison import compare, halves
from tsinfogan.metrics.intervals import Estimate
from tsinfogan.metrics.results import Result
from tsinfogan.metrics.samples import SAMPLE_MEASURES

Key = tuple[str, str]


def main() -> None:
    """Parses the command line, spoils, compares and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("dataset", nargs="?", default="char_traj")
    parser.add_argument("--only", help="these measures, such as discriminator,frechet")
    parser.add_argument("--full", action="store_true", help="all series, repeats and steps: an hour and more")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print_header()
    measures = options.only.split(",") if options.only else SAMPLE_MEASURES.names()
    train, test = load_dataset(options.dataset), load_dataset(options.dataset, "test")
    seen, fresh = halves(train, options.seed)
    found: dict[str, dict[Key, Result]] = {}
    for name, synthetic in spoilt(seen, fresh, options.seed).items():
        start = time.monotonic()
        evaluation = compare(synthetic, seen, test, only=measures, quick=not options.full, seed=options.seed)
        found[name] = {(result.measure, result.name): result for result in evaluation.results}
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    for name, reason in evaluation.skipped.items():
        print(f"{name} is left out: {reason}")
    print_table(found)


def spoilt(seen: Panel, fresh: Panel, seed: int) -> Mapping[str, Panel]:
    """What is judged, by the name of its fault."""
    faults = {name: degradation.spoil(fresh, seed) for name, degradation in DEGRADATIONS.items()}
    return {"none": fresh, **faults, "copies of seen": seen}


def print_table(found: Mapping[str, Mapping[Key, Result]]) -> None:
    """Markdown: a row a figure, a column a fault."""
    print("\n| figure | real | " + " | ".join(found) + " |\n|---|" + "---|" * (len(found) + 1))
    for key, result in next(iter(found.values())).items():
        cells = [result.name, _short(result.baseline), *(_cell(of[key]) for of in found.values())]
        print(f"| {' | '.join(cells)} |")


def _cell(result: Result) -> str:
    if result.near:
        return _short(result.value)
    return f"{_short(result.value)} ?" if result.outcome == "cannot tell" else f"**{_short(result.value)}**"


def _short(value: Estimate | None) -> str:
    mean = math.nan if value is None else value.mean
    return f"{mean:.0f}" if abs(mean) >= 20 else f"{mean:.1f}" if abs(mean) >= 2 else f"{mean:.3f}"


if __name__ == "__main__":
    main()
