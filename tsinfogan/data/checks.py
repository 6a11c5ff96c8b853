"""Whether a panel can be learned from. A file of one case is a good file; it only is no training data."""

from __future__ import annotations

import numpy as np

from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError


def check_trainable(panel: Panel) -> None:
    """Refuses what no model can learn from.

    Raises:
        DataError: there are fewer than two cases, or no channel ever changes. One that does not is reproduced.
    """
    if panel.n_cases < 2:
        raise DataError(f"{panel.name} holds one case only; training needs at least two, and better some hundred")
    axes = (0, *range(2, panel.values.ndim))
    if (np.nanmin(panel.values, axis=axes) == np.nanmax(panel.values, axis=axes)).all():
        raise DataError(
            f"{panel.name}: expected at least one channel that changes, got {panel.values[0, 0].flat[0]} everywhere in "
            f"channel {panel.channels[0]!r} and no change in any other; there is nothing to learn"
        )
