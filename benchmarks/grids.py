"""How well real series that only went through preprocessing and back are told from real ones, by points of the grid.

    TSINFOGAN_DATA=folder python benchmarks/grids.py char_traj --points 40,56,64,72,80

No generator on a grid can be less distinguishable than this. Each figure is |0.5 − accuracy| of the measure
`convolutions`, which reads series at their full length, of TRAIN against TEST; the first line is of TRAIN as it is.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from _shared import print_header
from tsinfogan import Panel, load_dataset
from tsinfogan.metrics.samples import SAMPLE_MEASURES
from tsinfogan.metrics.samples.context import RealData, SampleContext
from tsinfogan.models.model import DataCard
from tsinfogan.preprocessing.preprocessor import Preprocessor


def there_and_back(panel: Panel, preprocessor: Preprocessor) -> Panel:
    """The series as a generator would give them that generates exactly what the networks see of them."""
    raw, lengths = preprocessor.inverse(preprocessor.transform(panel))
    return DataCard.of(panel).panel(raw, lengths)


def main() -> None:
    """Prints a row for each grid, with a figure for each seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", default="char_traj")
    parser.add_argument("--points", default="40,56,64,72,80")
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    print_header()
    train, test = (load_dataset(asked.dataset, split) for split in ("train", "test"))
    usual, real, measure = Preprocessor.fit(train), RealData(train, test), SAMPLE_MEASURES.get("convolutions")
    print(f"{asked.dataset}: up to {train.grid[0]} points, by default on a grid of {usual.grid[0]}")
    grids = [replace(usual, grid=(int(points),)) for points in asked.points.split(",")]
    rows = {"as it is": train} | {f"{each.grid[0]} points": there_and_back(train, each) for each in grids}
    for name, panel in rows.items():
        context = SampleContext.of(real, panel)
        figures = [measure.compute(context, seed)["convolutions"] for seed in range(asked.seeds)]
        print(f"{name}: {', '.join(f'{figure:.3f}' for figure in figures)}", flush=True)


if __name__ == "__main__":
    main()
