"""Whether a panel can be learned from. A file of one case is a good file; it only is no training data."""

from __future__ import annotations

import numpy as np

from tsinfogan.errors import DataError
from tsinfogan.panel import Panel


def check_trainable(panel: Panel) -> None:
    """Refuses what no model can learn from.

    Raises:
        DataError: there are fewer than two cases, or a channel never changes.
    """
    if panel.n_cases < 2:
        raise DataError(f"{panel.name} holds one case only; training needs at least two, and better some hundred")
    axes = (0, *range(2, panel.values.ndim))
    constant = np.nanmin(panel.values, axis=axes) == np.nanmax(panel.values, axis=axes)
    if constant.any():
        channel = int(np.argmax(constant))
        raise DataError(
            f"{panel.name}: channel {panel.channels[channel]!r} is {panel.values[0, channel].flat[0]} everywhere, "
            f"so there is nothing to learn in it; drop it"
        )
