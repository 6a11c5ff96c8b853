"""From series to codes: the one place that runs the recognition network Q over data.

:func:`encode` gives codes by column name, :func:`posteriors` the parameters behind them, :func:`read_views` those of
augmented views of the same cases: agreement between views judges categories without labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from tsinfogan.data.panel import Panel
from tsinfogan.devices import exact_convolutions
from tsinfogan.errors import DataError, RunError, SettingError
from tsinfogan.models.discriminator import Discriminator
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.seeding import Stream, generator_at

CASES_PER_PASS = 256
MAX_CHECKED_CASES = 500
MIN_SPREAD, MAX_SPREAD = 0.1, 16.0
"""Of the middle nine tenths, in standard deviations; 3.3 is usual. Beyond, another unit is likely."""


# ---- codes of a panel


def encode(model: Model, panel: Panel) -> dict[str, NDArray[Any]]:
    """Reads the codes of series: the most probable value of each code, and the confidence of each category.

    Where the categories come from spectral clustering, the confidence in one is the probability that a clustering of
    another part of the training series puts the case into the same category (:mod:`tsinfogan.training.calibration`).

    Args:
        model: a trained model.
        panel: series with the channels of the training data, in raw units.

    Returns:
        ``(n_cases,)`` arrays by column name: ``cat`` (``cat0``, ``cat1``, … if there are several) with
        ``cat_confidence``, the probability of that category, and ``cont0``, ``cont1``, …

    Raises:
        DataError: the panel has other channels or another grid than the model was trained on, or too short a series.
        SettingError: the model's Q was not trained (:attr:`ModelSettings.why_unreadable`).

    Example:
        >>> from tsinfogan import encode, fit, load_dataset
        >>> panel = load_dataset("sines", "train").subset(slice(0, 40))
        >>> model = fit(panel, n_categories=(3,), width=4, settings={"max_steps": 2, "pretraining_steps": 0})
        >>> codes = encode(model, panel)
        >>> list(codes), codes["cat"].shape
        (['cat', 'cat_confidence', 'cont0', 'cont1'], (40,))
    """
    columns: dict[str, NDArray[Any]] = {}
    latent = model.settings.latent
    for column, code, parameters in zip(latent.columns, latent.codes, read_codes(model, panel), strict=True):
        columns[column] = code.estimate(parameters).numpy()
        if code.is_categorical:
            cooled = parameters / model.temperature if column == model.settings.category_column else parameters
            columns[f"{column}_confidence"] = code.features(cooled).amax(1).numpy()
    return columns


def read_codes(model: Model, panel: Panel) -> list[Tensor]:
    """Parameters ``(n, n_parameters)`` of Q's posterior of each code; arguments and errors as :func:`encode`."""
    if reason := model.settings.why_unreadable:
        raise SettingError(f"{reason}; train with recipe infogan, semi_supervised or acgan to read codes in series")
    check_fits(model, panel)
    parameters = posteriors(model.discriminator, torch.from_numpy(model.preprocessor.transform(panel)))
    if not all(bool(each.isfinite().all()) for each in parameters):
        raise RunError("Q gives numbers that are not finite: the model is damaged, or the series are out of all bounds")
    return parameters


def check_fits(model: Model, panel: Panel) -> None:
    """Raises a DataError unless ``panel`` has the channels, and for equal lengths the grid, of the model's data.

    A series of one timepoint has no shape to read: it is refused, unless the model was trained on such.
    """
    card, preprocessor = model.card, model.preprocessor
    if panel.channels != card.channels:
        raise DataError(
            f"{panel.name}: expected the channels {', '.join(card.channels)} that the model was trained on, "
            f"got {', '.join(panel.channels)}"
        )
    if len(panel.grid) != len(preprocessor.grid):
        kinds = {1: "series", 2: "images"}
        raise DataError(
            f"{panel.name}: expected {kinds[len(preprocessor.grid)]} as the model was trained on, "
            f"got {kinds[len(panel.grid)]}"
        )
    if preprocessor.lengths is None and (panel.lengths is not None or panel.grid != preprocessor.grid):
        expected, got = (" x ".join(map(str, grid)) for grid in (preprocessor.grid, panel.grid))
        raise DataError(
            f"{panel.name}: expected cases of size {expected} as the model was trained on, got {got}; cut, pad or "
            "resample them"
        )
    shortest = int(panel.case_lengths.argmin())
    if preprocessor.lengths is not None and panel.case_lengths[shortest] < min(2, preprocessor.lengths[0]):
        raise DataError(
            f"{panel.name}: expected series of 2 or more timepoints, got {panel.case_lengths[shortest]} in case "
            f"{shortest}, counted from 0; leave it out"
        )


def unit_remarks(model: Model, panel: Panel) -> list[str]:
    """A sentence for each channel whose scaled values are far from those of the training series."""
    remarks = []
    if len(panel.grid) == 1:
        some = panel.subset(evenly_spaced(panel.n_cases, MAX_CHECKED_CASES).numpy())
        scaled = model.preprocessor.transform(some)[:, : len(panel.channels)]  # (n, c, t)
        for name, values in zip(panel.channels, scaled.swapaxes(0, 1), strict=True):
            low, high = (float(end) for end in np.percentile(values, (5, 95)))
            if not MIN_SPREAD <= high - low <= MAX_SPREAD or abs(low + high) > MAX_SPREAD:
                remarks.append(
                    f"nine tenths of channel {name} of {panel.name} lie between {low:.3g} and {high:.3g} standard "
                    "deviations of the series that the model was trained on; are the units the same?"
                )
    return remarks


# ---- posteriors of arrays, as the networks see them


@torch.no_grad()
def posteriors(
    discriminator: Discriminator, cases: Tensor, tell: Callable[[float], None] = lambda share: None
) -> list[Tensor]:
    """Parameters ``(n, n_parameters)`` of Q's posterior of each code, on the device of cases ``(n, c, *grid)``.

    ``tell`` is called with the share that is done.
    """
    if not discriminator.sizes:
        return []
    device = next(discriminator.parameters()).device
    parts = []
    for index, part in enumerate(cases.split(CASES_PER_PASS)):
        tell(index * CASES_PER_PASS / len(cases))
        label = None
        if discriminator.settings.label_input != "none":  # the label is unknown: zeros
            label = torch.zeros(len(part), discriminator.sizes[0], device=device)
        with exact_convolutions():
            features = discriminator.recognition_features(part.to(device), label)  # (n, feature_dim)
            parts.append(discriminator.posteriors(discriminator.q, features))
    return [torch.cat(of_one_code).to(cases.device) for of_one_code in zip(*parts, strict=True)]


def evenly_spaced(n_cases: int, max_cases: int, device: torch.device | str = "cpu") -> Tensor:
    """``(min(n_cases, max_cases),)`` indices of cases, spread evenly over all of them."""
    return torch.linspace(0, n_cases - 1, min(n_cases, max_cases), device=device).long()


def augmented_views(cases: Tensor, augmenter: Augmenter, n_views: int, rng: Generator | None = None) -> Tensor:
    """``(n_views, n, c, *grid)``: the cases ``(n, c, *grid)`` as they are, then augmentations of them.

    Without a ``rng``, which is on the device of the cases, the augmentations are the same in every call.
    """
    rng = rng or generator_at(cases.device, 0, Stream.VIEWS)
    augmented = [augmenter.apply(cases, augmenter.draw(len(cases), rng)) for _ in range(n_views - 1)]
    return torch.stack([cases, *augmented])


def read_views(discriminator: Discriminator, views: Tensor) -> list[Tensor]:
    """Parameters ``(n_views, n, n_parameters)`` of Q's posterior of each code, of views ``(n_views, n, c, *grid)``."""
    return [each.unflatten(0, views.shape[:2]) for each in posteriors(discriminator, views.flatten(0, 1))]


@torch.no_grad()
def view_features(discriminator: Discriminator, views: Tensor) -> Tensor:
    """``(n_views, n, feature_dim)`` features that Q reads, of views ``(n_views, n, c, *grid)``."""
    features = [[discriminator.recognition_features(part) for part in view.split(CASES_PER_PASS)] for view in views]
    return torch.stack([torch.cat(of_one_view) for of_one_view in features])
