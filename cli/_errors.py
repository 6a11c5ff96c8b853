"""Messages of the library, which name Python parameters between backticks, in the words of the command line."""

from __future__ import annotations

import re
import shlex

OPTIONS = {
    "backbone": "--backbone",
    "batch_size": "--batch-size",
    "bounds": "--bounds",
    "cat": "--cat",
    "category_prior": "--category-prior",
    "columns.case": "--case-column",
    "columns.channels": "--channels",
    "columns.label": "--label-column",
    "columns.time": "--time-column",
    "cont": "--cont",
    "cont_follows": "--cont-follows",
    "continuous_prior": "--continuous-prior",
    "label": "--label",
    "max_steps": "--steps",
    "min_distance": "--min-distance",
    "n_categories": "--cat",
    "n_continuous": "--cont",
    "noise_dim": "--noise",
    "posterior_scale": "--posterior",
    "precision": "--precision",
    "recipe": "--recipe",
    "resume": "--resume",
    "root": "--runs",
    "scaling": "--scaling",
    "seed": "--seed",
    "test": "--test",
    "width": "--width",
    "windows": "--window",
    # settings with an option of their own
    "adversarial": "--adversarial",
    "discriminator_rate": "--discriminator-rate",
    "generator_every": "--generator-every",
    "generator_rate": "--generator-rate",
    "label_input": "--label-input",
    "r1_weight": "--r1-weight",
    "recognition": "--recognition",
}
"""The option for each parameter that a message of the library names."""
MARKED = re.compile(r"`([a-z_][a-z0-9_.]*)(?:=([^`]*))?`")


def in_options(message: str) -> str:
    """``message`` with `n_continuous` as --cont and `recipe=infogan` as --recipe infogan.

    A setting without an option of its own is one of --set; anything else between backticks stays as it is.
    """

    def option(match: re.Match[str]) -> str:
        name, value = match.groups()
        if name in OPTIONS:
            return OPTIONS[name] if value is None else f"{OPTIONS[name]} {shlex.quote(value)}"
        from tsinfogan.training.plan import setting_types

        return f"--set {match[0][1:-1]}" if name in setting_types() else match[0]

    return MARKED.sub(option, message)
