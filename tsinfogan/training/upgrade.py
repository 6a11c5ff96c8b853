"""Names that changed: run directories of format 2, and settings, read under the names of today."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

FORMAT_VERSION, OLDEST_READ = 3, 2
"""1 knew another pre-training and another Q; 2 other names."""

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
    "widen_noise": "calibrate_noise",
}
"""Settings by their names of format 2, which are taken for this version still."""
RENAMED_PARTS = {"critic": "discriminator", "levels": "low_rank_head", "distortions": "augmentations"}
"""Other entries of ``config.json``."""
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
"""Tensors that files still know by an older name: a pattern of what comes before, the name in code, that in files."""


def with_new_names(entries: Mapping[str, Any], names: Mapping[str, str] = RENAMED) -> dict[str, Any]:
    """``entries`` with each old name replaced by that of today."""
    return {names.get(name, name): value for name, value in entries.items()}


def upgraded(config: Mapping[str, Any]) -> dict[str, Any]:
    """``config.json`` of format 2 with the names of format 3; anything else as it is."""
    if config.get("format_version") != 2:
        return dict(config)

    def renamed(entry: Any) -> Any:
        if isinstance(entry, dict):
            return {name: renamed(value) for name, value in with_new_names(entry, RENAMED | RENAMED_PARTS).items()}
        return entry

    parts = {name: renamed(config[name]) for name in ("plan", "card") if name in config}
    discriminator = parts.get("plan", {}).get("model", {}).get("discriminator", {})
    if discriminator.get("recognition") == "watching":
        discriminator["recognition"] = "detached"
    return {**config, **parts}


def name_in_file(name: str) -> str:
    """What a tensor of that name in code is called in a run directory."""
    for before, in_code, in_file in reversed(RENAMED_TENSORS):
        name = re.sub(rf"^({before}){in_code}(?=[._]|$)", rf"\g<1>{in_file}", name)
    return name


def name_in_code(name: str) -> str:
    """The inverse of :func:`name_in_file`."""
    for before, in_code, in_file in RENAMED_TENSORS:
        name = re.sub(rf"^({before}){in_file}(?=[._]|$)", rf"\g<1>{in_code}", name)
    return name
