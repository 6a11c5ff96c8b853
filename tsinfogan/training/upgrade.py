"""Names that changed: settings, and run directories of formats 2 and 3, are read under their new names."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any

FORMAT_VERSION, MIN_FORMAT = 4, 2
"""Format 1 had another pre-training and another Q, format 2 other names, format 3 a checkpoint of two files."""

RENAMED = {
    "blends": "within_class_mixing",
    "critic_rate": "discriminator_rate",
    "directions": "principal_components",
    "discovery_heads": "pretraining_heads",
    "discovery_openings": "pretraining_restarts",
    "discovery_revisions": "split_merge_rounds",
    "discovery_steps": "pretraining_steps",
    "distorted_share": "augmented_share",
    "found_weight": "pseudo_label_weight",
    "knob_weight": "cont_follows_weight",
    "knobs": "cont_follows",
    "restraint_weight": "logit_regularization_weight",
    "suggested_knobs": "suggested_cont_follows",
}
"""Settings and arguments of plans by their names of format 2; this version still takes these, the next one will not."""
REMOVED = ("widen_noise", "calibrate_noise")
"""Settings that older plans hold and that nothing reads any more."""
RENAMED_VALUES = {"recognition": {"watching": "detached"}}
"""Values of settings, likewise."""
RENAMED_PARTS = {"critic": "discriminator", "levels": "low_rank_head", "distortions": "augmentations"}
"""Other entries of ``config.json``."""
BY_CHANNEL = ("scaling", "bounds")
"""Entries of a plan whose keys are the data's own channels, which keep their names."""
RENAMED_REPORTS = {"critic": "discriminator", "discovery": "pretraining"}
"""Statistics in ``metrics.jsonl``."""
RENAMED_TENSORS = (
    ("(average_)?", "discriminator", "critic"),
    (r"(average_)?(generator|discriminator)\.", "principal_components", "directions"),
    (r"(average_)?generator\.", "low_rank_head", "levels"),
    ("", "pseudo_labels", "found"),
    ("", "pretraining", "discovery"),
    (r"pretraining\.", "ensemble", "opinions"),
    (r"pretraining\.", "min_disagreement", "least_disagreement"),
    (r"pretraining\.(best|ensemble\.\d+)\.", "principal_components", "directions"),
    (r"(average_)?generator\.(inner\.)?blocks\.\d+\.", "noise_strength", "texture_strength"),
)
"""Tensors with another name until format 3: a pattern of what comes before, the name in code, that in old files."""


def with_new_names(entries: Mapping[str, Any], names: Mapping[str, str] = RENAMED) -> dict[str, Any]:
    """``entries`` with each old name, and each old value, replaced by the new one."""
    renamed = {names.get(name, name): value for name, value in entries.items()}
    changed = {name: old for name, old in RENAMED_VALUES.items() if renamed.get(name) in old}
    return renamed | {name: old[renamed[name]] for name, old in changed.items()}


def new_names(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a user gave, under the new names; a FutureWarning says which names are old."""
    renamed = with_new_names(given)
    for old in given.keys() - renamed.keys():
        _warn(old, RENAMED[old])
    for name in given.keys() & renamed.keys():
        if given[name] is not renamed[name]:
            _warn(f"{name}={given[name]}", f"{name}={renamed[name]}")
    return renamed


def _warn(old: str, new: str) -> None:
    message = f"`{old}` is now called `{new}`; the old name works in this version only"
    warnings.warn(message, FutureWarning, stacklevel=4)


def upgraded(config: Mapping[str, Any]) -> dict[str, Any]:
    """``config.json`` of an older format with the names of today; anything else as it is."""
    newest = {**config, "format_version": FORMAT_VERSION}
    if config.get("format_version") != 2:
        return newest

    def renamed(entry: Any) -> Any:
        if not isinstance(entry, dict):
            return entry
        entries = with_new_names(entry, RENAMED | RENAMED_PARTS).items()
        return {name: value if name in BY_CHANNEL else renamed(value) for name, value in entries}

    return {**newest, **{name: renamed(config[name]) for name in ("plan", "card") if name in config}}


def upgraded_report(line: Mapping[str, Any]) -> dict[str, Any]:
    """One line of ``metrics.jsonl`` with the names of format 3."""
    renamed = with_new_names(line, RENAMED_REPORTS)
    return {re.sub("^knob_", "follows_", name): value for name, value in renamed.items()}


def name_in_code(name: str) -> str:
    """The name in code of a tensor that has ``name`` in a run directory of any format."""
    for before, in_code, in_file in RENAMED_TENSORS:
        name = re.sub(rf"^({before}){in_file}(?=[._]|$)", rf"\g<1>{in_code}", name)
    return name
