"""Finds the real series that a run was trained on again, and held-out ones beside them, as far as they are at hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tsinfogan.cli._files import PLAIN, Reading, read_beside, read_file
from tsinfogan.errors import DataError, TsInfoGANError

if TYPE_CHECKING:
    from tsinfogan.data.panel import Panel
    from tsinfogan.models.model import Model
    from tsinfogan.training.run import Run


@dataclass(frozen=True)
class RealSeries:
    """What was found.

    Attributes:
        train: the series that the run was trained on, or None.
        test: held-out ones, or None.
        notes: what was not found or is not as it was, a sentence each.
    """

    train: Panel | None
    test: Panel | None
    notes: tuple[str, ...] = ()


def real_series(run: Run, model: Model, file: Path | None = None, asked: Reading = PLAIN) -> RealSeries:
    """The real series of a run: those of ``file``, read as ``asked``, where one is named, else those of its training.

    Raises:
        DataError: ``file`` cannot be read, or does not fit the model. Without one, a note takes the error's place.
    """
    from tsinfogan.sampling.sampler import check_fits

    if file is not None:
        if not file.exists():
            raise DataError(
                f"expected a file with real series, got {str(file)!r}, which does not exist; check the name"
            )
        panel = _as_the_model_sees(read_beside(file, asked, run.data), model)
        check_fits(model, panel)
        is_train = panel.fingerprint() == run.data.get("fingerprint")
        return RealSeries(panel if is_train else None, None if is_train else panel)
    try:
        return _of_training(run, model)
    except TsInfoGANError as error:
        return RealSeries(None, None, (f"the real series are not at hand: {error}",))


def _of_training(run: Run, model: Model) -> RealSeries:
    from tsinfogan.sampling.sampler import check_fits

    notes = []
    if "dataset" in run.data:
        from tsinfogan.datasets import load_dataset

        name = str(run.data["dataset"])
        first, test = load_dataset(name), None
        try:
            test = _as_the_model_sees(load_dataset(name, "test"), model)
            check_fits(model, test)
        except TsInfoGANError as error:
            notes.append(f"there are no held-out series: {error}")
    elif "file" in run.data:
        file = Path(str(run.data["file"]))
        if not file.exists():
            raise DataError(f"{file} is no longer there; name it with --data")
        first, test = read_file(file, Reading.from_dict(run.data)), None
    else:
        raise DataError("the run was not trained from the command line; name a file with --data")
    train = _as_the_model_sees(first, model)
    check_fits(model, train)
    if train.fingerprint() == run.data.get("fingerprint"):
        return RealSeries(train, test, tuple(notes))
    notes.append(f"{train.name} holds other values than the run was trained on: figures are of what it holds now")
    return RealSeries(train, test, tuple(notes)) if test is not None else RealSeries(None, train, tuple(notes))


def _as_the_model_sees(panel: Panel, model: Model) -> Panel:
    """The same series, with the view and the augmentations that the model was trained with."""
    return replace(panel, view=model.card.view, augmentations=model.card.augmentations)
