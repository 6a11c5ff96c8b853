"""The tensors of a checkpoint: the averaged networks and their calibration, then all that training goes on from.

One file holds both, so that they cannot differ. Sampling reads the first part alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from tsinfogan.models.codes import CategoricalCode
from tsinfogan.models.model import Model
from tsinfogan.training.files import check_ordinary
from tsinfogan.training.trainer import Trainer
from tsinfogan.training.upgrade import name_in_code

NOISE_SCALE, CLASS_PROPORTIONS = "noise_scale", "category_shares"
AGREEMENT, TEMPERATURE = "category_agreement", "category_temperature"
"""Entries beside the weights."""
TRAINING, AVERAGE, STEPS_DONE = "training.", "average_", "steps_done"
"""How the names of the second part begin; how those of the averaged networks begin in a trainer's state; an entry."""
INNER, FLOW_TRAINED = "generator.inner.", "generator.trained"
"""How the names of the generator begin that a flow generator no longer uses once it is trained; whether it is."""
CODE_SCALE = ".code_scale."
"""Part of the names of tensors that older files lack."""


def networks(model: Model) -> nn.ModuleDict:
    """Both networks as one module."""
    return nn.ModuleDict({"generator": model.generator, "discriminator": model.discriminator})


def model_tensors(model: Model) -> dict[str, Tensor]:
    """The first part: weights, and how they are used (:mod:`tsinfogan.training.calibration`)."""
    tensors = {**networks(model).state_dict(), NOISE_SCALE: torch.tensor(model.noise_scale)}
    if not math.isnan(model.agreement):
        tensors |= {AGREEMENT: torch.tensor(model.agreement), TEMPERATURE: torch.tensor(model.temperature)}
    if model.class_proportions:
        tensors[CLASS_PROPORTIONS] = torch.tensor(model.class_proportions, dtype=torch.float64)
    return tensors


def sampling_tensors(model: Model) -> dict[str, Tensor]:
    """The first part without the generator of adversarial training where a trained flow generator stands for it."""
    tensors = model_tensors(model)
    is_spare = INNER if bool(tensors.get(FLOW_TRAINED, False)) else ()
    return {name: value for name, value in tensors.items() if not name.startswith(is_spare)}


def take_calibration(model: Model, tensors: dict[str, Tensor]) -> None:
    """Takes how a model is used out of ``tensors``; older files lack it. A ValueError if it cannot be."""
    model.noise_scale = float(tensors.pop(NOISE_SCALE, 1))
    model.class_proportions = tuple(tensors.pop(CLASS_PROPORTIONS, torch.empty(0)).tolist())
    model.agreement = float(tensors.pop(AGREEMENT, math.nan))
    model.temperature = float(tensors.pop(TEMPERATURE, 1))
    if model.noise_scale < 0 or model.temperature <= 0:
        raise ValueError(f"expected positive factors, got {model.noise_scale} and {model.temperature}")
    if model.class_proportions:
        CategoricalCode(model.settings.n_categories, model.class_proportions)  # refuses others than proportions


def checkpoint_tensors(trainer: Trainer) -> dict[str, Tensor]:
    """Both parts."""
    state = {TRAINING + name: value for name, value in trainer.state_dict().items() if not name.startswith(AVERAGE)}
    return {**model_tensors(trainer.model), **state}


def restore(trainer: Trainer, tensors: Mapping[str, Tensor]) -> None:
    """Has ``trainer`` go on from a checkpoint, or from the state that format 3 kept; a ValueError if it cannot."""
    if TRAINING + STEPS_DONE in tensors:
        tensors = {
            name.removeprefix(TRAINING) if name.startswith(TRAINING) else AVERAGE + name: value
            for name, value in tensors.items()
        }
    if any(bool(value.isnan().any()) for value in tensors.values() if value.is_floating_point()):
        raise ValueError("it holds values that are no numbers")
    labels, own = tensors["pseudo_labels"], trainer.batches.pseudo_labels
    if labels.shape != own.shape or labels.dtype != own.dtype:
        raise ValueError("its pseudo-labels are of other data")
    n_categories = trainer.model.settings.n_categories
    if not -1 <= int(labels.min()) <= int(labels.max()) < max(1, n_categories):
        raise ValueError("its pseudo-labels are of other categories")
    trainer.load_state_dict(dict(tensors))


def serialized(tensors: Mapping[str, Tensor]) -> bytes:
    """The content of a file. Weights are stored in plain order; copying into a network restores its own layout."""
    return save({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()})


def read_tensors(
    path: Path, wanted: Callable[[str], bool] = lambda name: True, like: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """Tensors of a file by their names in code; with ``like``, all of these, of the same sizes and types, and finite.

    Only what :func:`sampling_tensors` leaves out may be missing, and the scale of the codes, which older files lack.

    Raises:
        ValueError, KeyError, SafetensorError: the content is not so.
        OSError: it is no ordinary file.
    """
    check_ordinary(path)
    with safe_open(path, "pt") as file:
        entries = {key: stored for stored in file.keys() if wanted(key := name_in_code(stored))}  # noqa: SIM118
        lacking = (like or {}).keys() - entries.keys()
        spare = {key for key in lacking if key.startswith(INNER)}
        newer = {key for key in lacking if CODE_SCALE in key}
        like = {key: tensor for key, tensor in (like or {}).items() if key not in spare | newer}
        for key, tensor in like.items():
            shape = tuple(file.get_slice(entries[key]).get_shape())
            if shape != tuple(tensor.shape):
                raise ValueError(f"{key}: expected shape {tuple(tensor.shape)}, got {shape}")
        # Clones, because the file stays open as long as a tensor is mapped to it.
        tensors = {key: file.get_tensor(stored).clone() for key, stored in entries.items()}
    if spare and not bool(tensors.get(FLOW_TRAINED, False)):
        raise ValueError("it holds no trained generator")
    for key, tensor in tensors.items() if like else ():
        if tensor.dtype != like.get(key, tensor).dtype or not bool(tensor.isfinite().all()):
            raise ValueError(f"{key} holds values that are no numbers")
    return tensors
