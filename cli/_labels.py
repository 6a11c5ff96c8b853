"""How many labels a training sees, and which recipe that makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsinfogan.cli._output import say
from tsinfogan.errors import SettingError

if TYPE_CHECKING:
    from tsinfogan.data.panel import Panel

KEPT = "labelled_cases"
MAX_NAMED = 20


def hide_labels(panel: Panel, n_per_class: int, seed: int) -> tuple[Panel, dict[str, Any]]:
    """``panel`` with some labels of each class alone, and which, to be kept with the run; says so on stderr."""
    from tsinfogan.data.labels import draw_labelled, keep_labels

    cases = draw_labelled(panel, n_per_class, seed).tolist()
    names = ", ".join(map(str, cases[:MAX_NAMED])) + (", …" if len(cases) > MAX_NAMED else "")
    say(
        f"labels of {len(cases)} of {panel.n_cases} cases are kept, {n_per_class} for each of {len(panel.classes)} "
        f"classes: cases {names}"
    )
    return keep_labels(panel, cases), {"labels_per_class": n_per_class, KEPT: cases}


def choose_recipe(given: str | None, panel: Panel, n_per_class: int | None) -> str:
    """The recipe asked for; by default infogan, or semi_supervised if labels are known for some cases, said on stderr.

    Refuses ``n_per_class`` beside a recipe that reads no labels.
    """
    from tsinfogan.data.labels import partly_labelled
    from tsinfogan.training.config import get_recipe

    if given is not None:
        if n_per_class is not None and not get_recipe(given).labelled:
            raise SettingError(
                f"--labels-per-class gives labels to a recipe that reads none, got --recipe {given}; leave the recipe "
                "out for semi_supervised, or name acgan"
            )
        return given
    if n_per_class is None and not partly_labelled(panel):
        return "infogan"
    assert panel.labels is not None
    say(
        f"recipe semi_supervised: category k is class k, known for {(panel.labels >= 0).sum()} of {panel.n_cases} "
        "cases; --recipe infogan finds categories without labels"
    )
    return "semi_supervised"
