"""How many steps a training takes, of how many series each: by how many series there are, and how long they are."""

from __future__ import annotations

import math
from dataclasses import replace

from tsinfogan.data.overlap import recording_of
from tsinfogan.data.panel import Panel
from tsinfogan.preprocessing.grid import rows_to_choose_grid
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.training.config import TrainingSettings

STEPS_WITHOUT_FLOW = 5000
MIN_STEPS, MAX_PASSES = 1500, 250
"""Steps before flow matching on few series: enough to pass so often over all of them, but never fewer than so many."""
MIN_FLOW_STEPS, MAX_FLOW_PASSES = 750, 361
"""The same of flow matching: with more, samples come nearer to training series than other real ones do."""
MAX_POINTS_PER_STEP, MIN_BATCH_SIZE = 40_000, 32
"""Of all series of a batch together, on the common grid, and fewest series in it."""


def with_batch(
    training: TrainingSettings, panel: Panel, reasons: tuple[str, ...]
) -> tuple[TrainingSettings, tuple[str, ...]]:
    """Half or a quarter as many series a step where they are long, so that a step takes as long, and says so."""

    def affordable(n_points: int) -> int:
        most = max(MIN_BATCH_SIZE, MAX_POINTS_PER_STEP // n_points)
        return min(training.batch_size, 1 << int(math.log2(most)))

    n_points = panel.grid[0]
    if affordable(n_points) < training.batch_size and not recording_of(panel.values):
        rows = rows_to_choose_grid(panel.n_cases, panel.values[0].size)
        n_points = Preprocessor.fit(panel.subset(rows)).grid[0]
    if (n_cases := affordable(n_points)) < training.batch_size:
        reasons = (*reasons, f"{n_cases} series a step, as each has {n_points} points on the common grid")
    return replace(training, batch_size=n_cases), reasons


def with_length(
    training: TrainingSettings, n_cases: int, flow_is_given: bool, reasons: tuple[str, ...]
) -> tuple[TrainingSettings, tuple[str, ...]]:
    """Fewer steps for few series, which a discriminator soon overfits and flow matching copies, and says so.

    Steps of flow matching that were asked for stand. Without flow matching the generator of adversarial training has to
    be good alone, and gets more steps.
    """
    epochs = n_cases / training.batch_size
    steps = training.flow_start if training.flow_steps else STEPS_WITHOUT_FLOW
    few = steps if training.opening == "restarts" else min(steps, max(MIN_STEPS, int(MAX_PASSES * epochs)))
    flow = training.flow_steps
    if not flow_is_given:
        flow = min(flow, max(MIN_FLOW_STEPS, int(MAX_FLOW_PASSES * epochs)), few * 4 // 3)
    if few < steps or flow < training.flow_steps:
        others = f" and {flow} of flow matching" * bool(flow)
        reasons = (*reasons, f"{few} steps{others}: more would overfit {n_cases} series")
    return replace(training, max_steps=few + flow, flow_steps=flow), reasons
