"""The series that a command is given: the user's own file, a dataset, or what a run was trained on."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tsinfogan.cli._options import READING
from tsinfogan.cli._output import say, say_notes
from tsinfogan.data.columns import CASE, LISTS, ColumnNames, Windows, describe_columns
from tsinfogan.errors import DataError, SettingError, TsInfoGANError

if TYPE_CHECKING:
    from tsinfogan.data.panel import Panel
    from tsinfogan.datasets import Split
    from tsinfogan.models.model import DataCard, Model
    from tsinfogan.training.run import Run


def found_run(runs: Path, name: str | None, changed_by: str = "") -> Run:
    """The run called ``name``, which may be on a hub, or the newest; what is passed over or unfinished is said.

    What would change the run's folder says in ``changed_by`` how to avoid that: a run on a hub is only read.
    """
    if name is not None and name.startswith("hf://"):
        if changed_by:
            raise SettingError(f"{name} is only read, and this command writes into the run's folder; {changed_by}")
        from tsinfogan.sharing.hub import fetched_run

        return fetched_run(name)
    from tsinfogan.training.files import is_locked
    from tsinfogan.training.run import find_run

    run = find_run(runs, name, say)
    steps, most = run.steps_done, run.plan.training.max_steps
    if steps is not None and steps < most:
        more = "is still in training" if is_locked(run.path) else "was stopped before its end"
        say(f"note: run {run.name} {more}: this is its model after {steps} of {most} steps")
    return run


class Reading(NamedTuple):
    """How a file is read."""

    columns: ColumnNames = ColumnNames()
    windows: Windows | None = None

    def to_dict(self) -> dict[str, Any]:
        """What is not the default, JSON-ready, to be kept with a run; :meth:`from_dict` is its inverse."""
        kept: dict[str, Any] = {"columns": self.columns.to_dict()} if self.columns.named else {}
        return kept if self.windows is None else {**kept, "windows": self.windows.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Reading:
        """Of what a run keeps of its data; a SettingError if that cannot be understood."""
        try:
            windows = Windows(**data["windows"]) if "windows" in data else None
            return cls(ColumnNames.from_dict(data.get("columns", {})), windows)
        except TypeError as error:
            raise SettingError(f"the run's columns or windows cannot be understood ({error}); train it anew") from None


PLAIN = Reading()


def reading(
    window: int | None = None, stride: int | None = None, label_per: str | None = None, **columns: str | None
) -> Reading:
    """What the options of the same names ask for; refuses contradicting names, and a stride without windows."""
    if window is None and stride is not None:
        raise SettingError("--stride says where windows begin; give their length too, as in --window 24 --stride 1")
    if window is None and label_per is not None:
        raise SettingError("--label-per is about windows; give their length too, as in --window 24")
    named: dict[str, Any] = {
        name.removesuffix("_column"): value for name, value in columns.items() if value is not None
    }
    for name in LISTS:
        if name in named:
            named[name] = tuple(part.strip() for part in named[name].split(","))
    if named.get("label") == "none":
        named["label"] = ""
    windows = None if window is None else Windows(window, 1 if stride is None else stride, label_per or "window")
    return Reading(ColumnNames(**named), windows)


def reads_files(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options that say how a file is read; it gets what they ask for as ``asked``."""

    @wraps(command)
    def with_options(**given: Any) -> None:
        command(asked=reading(**{name: given.pop(name) for name in READING}), **given)

    signature = inspect.signature(command, eval_str=True)
    parameters = [parameter for parameter in signature.parameters.values() if parameter.name != "asked"]
    for name, default in READING.items():
        kind: Any = int | None if name in ("window", "stride") else str | None
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind))
    del with_options.__wrapped__  # or else typer would look at it
    with_options.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_options


def is_dataset(source: str) -> bool:
    """Whether ``source`` is the name of a dataset, or of a member of a family of datasets."""
    from tsinfogan.datasets import DATASETS

    return source.partition(":")[0] in DATASETS.names()


def read_dataset(name: str, split: Split = "train", asked: Reading = PLAIN) -> Panel:
    """A part of a dataset; its notes are said on stderr. Refuses columns and windows, which only a file can have."""
    from tsinfogan.datasets import load_dataset

    if asked != PLAIN:
        option = "--window" if asked.windows else "--channels" if asked.columns.channels else "--*-column"
        raise SettingError(f"{option} says how a file is read but {name} is a dataset; leave it out")
    panel = load_dataset(name, split)
    say_notes(panel.notes)
    return panel


def existing_file(path: Path | str, what: str = "a file or a dataset") -> Path:
    """``path`` if it exists; else a DataError says ``what`` was expected, and lists the datasets if one was."""
    if os.path.exists(path):  # noqa: PTH110 (a Path would raise for a name too long)
        return Path(path)
    if "dataset" not in what:
        raise DataError(f"expected {what}, got {str(path)!r}, which does not exist; check the name")
    from tsinfogan.datasets import DATASETS

    raise DataError(
        f"expected {what}, got {str(path)!r}: there is no such file, and the datasets are "
        f"{', '.join(DATASETS.names())}; check the name"
    )


def read_file(path: Path, asked: Reading) -> Panel:
    """The panel in a file; what reading changed is said on stderr."""
    from tsinfogan.formats import read_panel

    if path.exists() and not path.is_file() and not path.is_dir():
        raise DataError(f"expected a file, got {path}, a device or a pipe that may never end; copy it to a file first")
    panel = read_panel(path, asked.columns, asked.windows)
    say_notes(panel.notes)
    return panel


def read_beside(path: Path, asked: Reading, data: Mapping[str, Any]) -> Panel:
    """The same of another file than a run was trained on.

    What is not asked for is as in training, ``data``, as far as the file has such columns; it is cut into windows
    likewise where it has no column of cases.
    """
    from tsinfogan.formats import readable_format

    kept, entry = Reading.from_dict(data), readable_format(path)
    if kept == PLAIN or entry.column_names is None:
        return read_file(path, asked)
    names = entry.column_names(path)

    def fits(kind: str, trained: Any) -> bool:
        texts = trained if kind in ("channels", "ignore") else str(trained).split(",") if kind == "time" else [trained]
        return kind not in ("case", "time", "label", "channels", "ignore") or trained == "" or set(texts) <= set(names)

    trained = {kind: value for kind, value in kept.columns.to_dict().items() if fits(kind, value)}
    columns = ColumnNames.from_dict({**trained, **asked.columns.to_dict()})
    is_one = (columns.case or CASE) not in names
    return read_file(path, Reading(columns, asked.windows or (kept.windows if is_one else None)))


def describe_file(path: Path, asked: Reading, panel: Panel) -> str:
    """What the columns of a file are taken as, in one line."""
    from tsinfogan.formats import readable_format

    names = readable_format(path).column_names
    assert names is not None
    codes = describe_columns(names(path), asked.columns).codes
    parts = [f"channels {', '.join(panel.channels)}"]
    parts += [f"codes, which training ignores, {', '.join(codes)}"] if codes else []
    parts += [f"label with {len(panel.classes)} classes"] if panel.labels is not None else []
    parts += [f"dates every {panel.time_frequency} from {panel.time_origin} on"] if panel.time_frequency else []
    parts += [f"{panel.n_cases} windows of {panel.grid[0]} rows"] if asked.windows else []
    return f"{path.name} is read as: {'; '.join(parts)}"


class RealSeries(NamedTuple):
    """The real series of a run, as far as they are at hand."""

    train: Panel | None  # what the run was trained on
    test: Panel | None  # held-out ones
    notes: tuple[str, ...] = ()  # what was not found or has changed since, a sentence each


def real_series(run: Run, model: Model, file: Path | None = None, asked: Reading = PLAIN) -> RealSeries:
    """The real series of a run: those of ``file``, read as ``asked``, where one is named, else those of its training.

    A file that does not fit the model is refused; where those of the training are lacking, a note says why.
    """
    if file is not None:
        panel = _as_trained(read_beside(existing_file(file, "a file with real series"), asked, run.data), model)
        is_train = panel.fingerprint() == run.data.get("fingerprint")
        return RealSeries(panel if is_train else None, None if is_train else panel)
    try:
        return _of_training(run, model)
    except TsInfoGANError as error:
        return RealSeries(None, None, (f"the real series are not at hand: {error}",))


def _of_training(run: Run, model: Model) -> RealSeries:
    notes, test = [], None
    if "dataset" in run.data:
        from tsinfogan.datasets import load_dataset

        name = str(run.data["dataset"])
        train = load_dataset(name)
        try:
            test = _as_trained(load_dataset(name, "test"), model)
        except TsInfoGANError as error:
            notes.append(f"there are no held-out series: {error}")
    elif "file" in run.data:
        file = Path(str(run.data["file"]))
        if not file.exists():
            raise DataError(f"{file} is no longer there; name it with --data")
        train = read_file(file, Reading.from_dict(run.data))
    else:
        raise DataError("the run was not trained from the command line; name a file with --data")
    train = _as_trained(train, model)
    if train.fingerprint() != run.data.get("fingerprint"):
        notes.append(f"{train.name} holds other values than the run was trained on: figures are of what it holds now")
        if test is None:
            return RealSeries(None, train, tuple(notes))
    return RealSeries(train, test, tuple(notes))


def _as_trained(panel: Panel, model: Model) -> Panel:
    """``panel`` as the model's training data was seen; raises a DataError where it does not fit the model."""
    from tsinfogan.sampling.inference import check_fits

    panel = seen_like(panel, model.card)
    check_fits(model, panel)
    return panel


def seen_like(panel: Panel, like: Panel | DataCard) -> Panel:
    """The same series, drawn and augmented as others, or as a model's training data."""
    return replace(panel, view=like.view, augmentations=like.augmentations)
