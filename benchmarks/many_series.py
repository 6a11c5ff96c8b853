"""Whether what pre-training found in 2,000 series holds for all of very many: six kinds of waves, known to nobody.

    python benchmarks/many_series.py
    PYTHONPATH=an/older/checkout python benchmarks/many_series.py     # the same of an older version

Small networks, 800 steps. Prints the share of the series that adversarial training drew whose category was known to it,
whether their mixtures were judged, the accuracy of Q on 2,000 series in the end, and seconds of the processor.
"""

from __future__ import annotations

import argparse
import time
from collections import deque

import numpy as np
import torch

from _shared import print_header
from tsinfogan import Panel, encode, make_plan
from tsinfogan.metrics.codes.accuracy import accuracy
from tsinfogan.training.session import build_model, make_trainer

N_KINDS, LENGTH, NOISE = 6, 48, 0.3
SETTINGS = {"max_steps": 800, "batch_size": 64, "flow_steps": 200}


def main() -> None:
    """Prints a row for each number of series."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="2000,20000,400000")
    options = parser.parse_args()
    print_header()
    print("\n| series | category known | mixing | accuracy | processor, s |\n|---|---|---|---|---|")
    for n in map(int, options.sizes.split(",")):
        print(f"| {n} | {' | '.join(measured(n))} |", flush=True)


def measured(n: int) -> list[str]:
    """The cells of a row."""
    panel, started = waves(n, seed=0), time.process_time()
    unlabelled = Panel.from_arrays(panel.values)
    plan = make_plan(unlabelled, n_categories=(N_KINDS,), width=8, settings=SETTINGS)
    trainer = make_trainer(plan, build_model(plan, unlabelled), unlabelled, torch.device("cpu"), torch.float32)
    drawn = set[int]()
    draw = trainer.batches.draw

    def noted(*arguments: object, **named: object) -> object:
        batch = draw(*arguments, **named)  # type: ignore[arg-type]
        if trainer.pretraining is None and trainer.steps_done < trainer.settings.flow_start:
            drawn.update(batch.case.tolist())
        return batch

    trainer.batches.draw = noted  # type: ignore[assignment,method-assign]
    deque(trainer.run(), maxlen=0)
    known = (trainer.batches.pseudo_labels[sorted(drawn)] >= 0).float().mean()
    seconds = time.process_time() - started
    some = panel.subset(slice(0, 2000))
    right = accuracy(encode(trainer.model, some)["cat"], some.case_labels, N_KINDS, N_KINDS)
    mixing = "off" if trainer.adversarial.mixing is None else "on"
    return [f"{known:.1%}", mixing, f"{right:.2f}", f"{seconds:.1f}"]


def waves(n: int, seed: int) -> Panel:
    """Series ``(n, 1, LENGTH)`` of two to seven half waves, in any phase, with noise."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(N_KINDS, size=n)
    angle = np.pi * (kind[:, None] + 2) * np.linspace(0, 1, LENGTH) + rng.uniform(0, 0.6, (n, 1))
    values = np.sin(angle) + NOISE * rng.normal(size=(n, LENGTH))
    return Panel.from_arrays(values[:, None].astype(np.float32), labels=[str(k) for k in kind])


if __name__ == "__main__":
    main()
