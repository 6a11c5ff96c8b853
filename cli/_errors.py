"""Messages of the library, which name Python parameters between backticks, in the words of the command line."""

from __future__ import annotations

import re
import shlex

SAME_NAME = (
    *("adversarial", "backbone", "batch_size", "bounds", "cat", "category_prior", "cont", "cont_follows"),
    *("continuous_prior", "device", "discriminator_rate", "generator_every", "generator_rate", "label", "label_input"),
    *("first_row", "min_distance", "port", "precision", "r1_weight", "recipe", "recognition", "resume", "scaling"),
    *("seed", "shard", "test", "width", "workers"),
)
OF_COLUMNS = ("channels", "ignore", "missing", "dates", "layout", "delimiter", "decimal")
OPTIONS = {name: f"--{name.replace('_', '-')}" for name in SAME_NAME} | {
    **{f"columns.{name}": f"--{name}" for name in OF_COLUMNS},
    "columns.case": "--case-column",
    "columns.label": "--label-column",
    "columns.time": "--time-column",
    "max_steps": "--steps",
    "n_categories": "--cat",
    "n_continuous": "--cont",
    "noise_dim": "--noise",
    "posterior_scale": "--posterior fixed",
    "root": "--runs",
    "windows": "--window",
    "windows.label_per": "--label-per",
}
"""The option for each parameter that a message of the library names."""
MARKED = re.compile(r"`([a-z_][a-z0-9_.]*)(?:=([^`]*))?`")


def in_options(message: str) -> str:
    """``message`` with `n_continuous` as --cont and `recipe=infogan` as --recipe infogan.

    A setting without an option of its own is --set r2_weight=1 if it has a value, else its name alone; anything else
    between backticks stays as it is.
    """

    def option(match: re.Match[str]) -> str:
        name, value = match.groups()
        if name in OPTIONS:
            whole = value is None or " " in OPTIONS[name]  # an option that stands for one value
            return OPTIONS[name] if whole else f"{OPTIONS[name]} {shlex.quote(value)}"
        from tsinfogan.training.plan import setting_types

        if name not in setting_types():
            return match[0]
        return name if value is None else f"--set {match[0][1:-1]}"

    return MARKED.sub(option, message)


def lacks_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on the CPU or a GPU."""
    return isinstance(error, MemoryError) or any(
        sign in str(error) for sign in ("out of memory", "can't allocate memory", "not enough memory")
    )
