"""``InfoGAN``: the library as a scikit-learn estimator. Series come out in the container that they went in."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from tsinfogan.data.columns import ColumnNames
from tsinfogan.data.panel import FloatArray, Panel, check_trainable
from tsinfogan.devices import choose_device
from tsinfogan.errors import DataError, SettingError
from tsinfogan.estimators.containers import Container, read, with_tuples
from tsinfogan.estimators.parameters import parameters_from_dict, parameters_of, parameters_to_dict, plan_of, seed_of
from tsinfogan.estimators.targets import Targets, labelled
from tsinfogan.models.backbone import Backbone
from tsinfogan.sampling.inference import check_fits, encode, read_codes
from tsinfogan.sampling.request import CodeValues
from tsinfogan.sampling.sampler import Sample, sample
from tsinfogan.training.progress_bar import bar_in_notebook
from tsinfogan.training.run import Run
from tsinfogan.training.session import fit_plan, keep
from tsinfogan.training.trainer import Report

KEPT = "estimator"
"""Entry of a run's data for what an estimator knows beside its model."""


class InfoGAN(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Finds categories and continuous codes in a set of series; then encodes, samples and augments.

    ``X`` is a :class:`Panel`, an array ``(n_cases, n_channels, n_timepoints)``, a table ``(n_cases, n_timepoints)`` of
    one channel, a list of arrays ``(n_channels, length)``, or a DataFrame with a row for each timepoint of each case.
    Series are returned in the same container and dtype.

    Args:
        n_categories: categories to find; several codes as ``(10, 10)``; none as 0. None takes one for each class of
            ``y``, or ten without ``y``.
        n_continuous: number of continuous codes.
        noise_dim: noise dimensions beside the codes.
        backbone: by name, or one of your own; None chooses by the shape of the data.
        recipe: registered name. ``auto`` is ``semi_supervised``, where category k is class k, if labels of two or more
            classes are known and ``n_categories`` is their number; else ``infogan``, which never sees a label: its
            categories are named after the classes that they match.
        max_steps: steps of training; None takes the default.
        n_seeds: trainings, of which the most consistent one is kept.
        settings: further arguments of :func:`tsinfogan.make_plan`, such as ``{"scaling": "robust", "batch_size": 64}``.
        time_last: False for arrays ``(n, time, channel)``; True for ``(n, channel, time)``; None for the latter too,
            but arrays that look like the former are refused.
        columns: names of the columns of a DataFrame, if not ``case``, ``time`` and ``label``.
        unlabelled: value in ``y`` that means unknown, such as -1, beside None and NaN.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: ``auto``, ``float32`` or ``bf16``.
        random_state: an int, which is the seed; a RandomState, from which one is drawn; or None for a new one each
            time.
        verbose: 1 prints ten lines on the training, 2 one for each report; in a notebook, either shows a bar.

    Attributes:
        model_: the trained :class:`Model`.
        plan_: every setting.
        classes_: ``(n_classes,)`` classes of ``y``; empty without ``y``.
        history_: losses and bounds, one dictionary a report.
        seed_: the seed that was used.
        n_features_in_: number of channels; of a table, number of timepoints.

    Example:
        >>> import numpy as np
        >>> from tsinfogan import InfoGAN
        >>> X = np.sin(np.linspace(0, 6, 24) + np.arange(20)[:, None])[:, None]  # (20, 1, 24)
        >>> quick = {"width": 4, "pretraining_steps": 0}
        >>> model = InfoGAN(n_categories=3, max_steps=2, settings=quick, random_state=0).fit(X)
        >>> model.predict(X).shape, model.transform(X).shape, model.sample(4, cat=1).shape
        ((20,), (20, 5), (4, 1, 24))
    """

    def __init__(
        self,
        *,
        n_categories: int | Sequence[int] | None = None,
        n_continuous: int = 2,
        noise_dim: int = 32,
        backbone: str | Backbone | None = None,
        recipe: str = "auto",
        max_steps: int | None = None,
        n_seeds: int = 1,
        settings: Mapping[str, Any] | None = None,
        time_last: bool | None = None,
        columns: ColumnNames | None = None,
        unlabelled: Any = None,
        device: str = "auto",
        precision: str = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ):
        self.n_categories = n_categories
        self.n_continuous = n_continuous
        self.noise_dim = noise_dim
        self.backbone = backbone
        self.recipe = recipe
        self.max_steps = max_steps
        self.n_seeds = n_seeds
        self.settings = settings
        self.time_last = time_last
        self.columns = columns
        self.unlabelled = unlabelled
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: ArrayLike | None = None) -> InfoGAN:
        """Trains a model on ``X``.

        Args:
            X: series.
            y: ``(n_cases,)`` class of each, None or NaN where unknown; by default the labels that ``X`` itself holds.

        Raises:
            DataError: series or classes that cannot be used as they are.
            SettingError: parameters that make no sense, or do not fit the data.
            DivergedError: a loss stopped being finite.
        """
        panel, container = read(X, time_last=self.time_last, columns=self.columns)
        panel, targets = labelled(panel, y, self.unlabelled, container.own_classes)
        check_trainable(panel)
        self.seed_ = seed_of(self.random_state)
        self.plan_ = plan_of(self.get_params(deep=False), panel, self.seed_)
        bar = bar_in_notebook(self.plan_.training.max_steps, self.n_seeds) if self.verbose else None
        tell, device, precision = bar or (self._tell if self.verbose else None), self.device, self.precision
        fitted = fit_plan(self.plan_, panel, n_seeds=self.n_seeds, device=device, precision=precision, tell=tell)
        self.model_, self.plan_, self.history_ = fitted.model, fitted.plan, [each.line for each in fitted.reports]
        self.classes_ = targets.classes
        self.n_features_in_ = panel.grid[0] if container.kind == "table" else panel.n_channels
        self._container, self._targets = container, targets
        self._data: dict[str, Any] = {"n_cases": panel.n_cases, "fingerprint": panel.fingerprint()}
        return self

    def sample(
        self,
        n: int = 1,
        *,
        cat: CodeValues = None,
        cont: CodeValues = None,
        label: Any = None,
        random_state: Any = None,
        return_codes: bool = False,
    ) -> Any:
        """Generates ``n`` series, in the container of the training series.

        Args:
            n: number of series.
            cat: category, or one for each categorical code; None samples it, the first one, if found in the data,
                with the class proportions of the data.
            cont: value of the continuous codes likewise.
            label: a class of ``y``, or a sequence of ``n`` of them, in place of ``cat``.
            random_state: as the estimator's; None takes that one, so that an int there gives the same series each time.
            return_codes: whether to return ``(series, codes)``, codes being a DataFrame with a row for each series.

        Raises:
            SettingError: a value that a code cannot have, or a class that no category belongs to.
        """
        check_is_fitted(self, "model_")
        names = None if label is None else self._names([label] * n if np.ndim(label) == 0 else label)
        synthetic = self._synthetic(n, cat, cont, names, random_state)
        series = self._container.packed(synthetic.panel)
        return (series, self._codes(synthetic.columns)) if return_codes else series

    def augment(
        self,
        X: Any,
        y: Any = None,
        *,
        n: int | None = None,
        factor: float | None = None,
        label: ArrayLike | None = None,
        random_state: Any = None,
    ) -> Any:
        """``X`` followed by synthetic series; with ``y``, both of them followed by synthetic series and their classes.

        Args:
            X: series like the training series; they come back unchanged.
            y: their classes, by default the labels that ``X`` itself holds. Synthetic series have the same class
                proportions.
            n: number of synthetic series.
            factor: in place of ``n``: total number of series divided by that of ``X``; 2 by default.
            label: in place of both: ``(n,)`` class of each synthetic series.
            random_state: as in :meth:`sample`.

        Raises:
            DataError: ``X`` is not like the training series, or ``y`` has another length or no class.
            SettingError: a class that no category belongs to, or n, factor and label together.
        """
        panel, container = self._read(X)
        if sum(given is not None for given in (n, factor, label)) > 1:
            raise SettingError("`n`, `factor` and `label` each say how many series to add; give one of them")
        if n is None:
            n = round(((2.0 if factor is None else factor) - 1) * panel.n_cases)
        if n < 0:
            raise SettingError(f"expected a `factor` of 1 or more, or an `n` of 0 or more, got {n} new series")
        names = None if label is None else self._names(label)
        if names is not None:
            n = len(names)
        elif (known := labelled(panel, y, self.unlabelled, container.own_classes)[0]).labels is not None:
            names = _in_proportion(n, known)
        elif y is not None:
            raise DataError("y holds no known class for the new series; leave y out")
        if n:
            X = container.joined(X, self._synthetic(n, None, None, names, random_state).panel)
        if y is None:
            return X
        return X, self._targets.joined(y, names or []) if n else y

    def encode(self, X: Any) -> pd.DataFrame:
        """What Q reads in each series: a row each, with category, confidence, continuous codes and any class.

        Raises:
            SettingError: a model whose Q was not trained, as by recipe ``cgan``; so also :meth:`transform`.
        """
        panel, _ = self._read(X)
        columns = encode(self.model_, panel)
        if self.model_.category_names:
            named = np.array(self.model_.category_names, dtype=object)
            columns["label"] = named[columns[str(self.model_.settings.category_column)]]
        return self._codes(columns)

    def transform(self, X: Any) -> FloatArray:
        """``(n_cases, n_features)`` float32 codes that Q reads: probability of each category, then continuous codes."""
        panel, _ = self._read(X)
        codes, posteriors = self.model_.settings.latent.codes, read_codes(self.model_, panel)
        parts = [code.features(posterior).numpy() for code, posterior in zip(codes, posteriors, strict=True)]
        return np.concatenate([np.zeros((panel.n_cases, 0), np.float32), *parts], axis=1)

    def predict(self, X: Any) -> NDArray[Any]:
        """``(n_cases,)`` class of each series, as in ``y``; its category where the model was fitted without ``y``.

        Raises:
            SettingError: the model has no categories, or its Q was not trained, as by recipe ``cgan``.
        """
        panel, _ = self._read(X)
        model, first = self.model_, self.model_.settings.latent.first_category
        if first is None:
            raise SettingError("the model has no categories to predict; fit with `n_categories` above 0")
        index, code = first
        probabilities = code.features(read_codes(model, panel)[index]).numpy()  # (n, K)
        if not model.category_names or not len(self.classes_):
            categories: NDArray[Any] = probabilities.argmax(1)
            return categories
        names = np.array(model.category_names, dtype=object)
        of_class = np.stack([probabilities[:, names == name].sum(1) for name in self._targets.names], axis=1)
        classes: NDArray[Any] = self.classes_[of_class.argmax(1)]
        return classes

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Name of each column that :meth:`transform` gives: ``cat_0``, ``cat_1``, …, ``cont0``, …"""
        check_is_fitted(self, "model_")
        latent = self.model_.settings.latent
        names: list[str] = []
        for column, code in zip(latent.columns, latent.codes, strict=True):
            names += [f"{column}_{k}" for k in range(code.n_categories)] or [column]
        return np.array(names, dtype=object)

    def save(self, path: str | Path) -> Path:
        """Writes the estimator into the directory ``path``, a run that the command line reads too.

        Raises:
            RunError: the directory holds something already, or cannot be written.
        """
        check_is_fitted(self, "model_")
        kept = {
            "parameters": parameters_to_dict(self.get_params(deep=False), self.seed_),
            "container": asdict(self._container),
            "targets": asdict(self._targets),
            "n_features_in": self.n_features_in_,
        }
        return keep(Path(path), self.plan_, self.model_, self.history_, {**self._data, KEPT: kept}).path

    @classmethod
    def load(cls, path: str | Path, device: str = "auto") -> InfoGAN:
        """Reads what :meth:`save` wrote, or a run of the command line, whose series are returned as a :class:`Panel`.

        Raises:
            RunError: it is no such directory, or damaged.
        """
        run = Run.open(Path(path))
        plan, kept = run.plan, with_tuples(run.data.get(KEPT))
        loaded = cls(**(parameters_of(plan) if kept is None else parameters_from_dict(kept["parameters"])))
        loaded.plan_, loaded.model_ = plan, run.load_model(choose_device(device))
        loaded.history_, loaded.seed_ = run.metrics(), plan.training.seed
        loaded._data = {name: value for name, value in run.data.items() if name != KEPT}
        card = loaded.model_.card
        loaded._container, loaded._targets = Container(), Targets(card.classes, card.classes)
        loaded.n_features_in_ = len(card.channels)
        if kept is not None:
            loaded._container, loaded._targets = Container.from_dict(kept["container"]), Targets(**kept["targets"])
            loaded.n_features_in_ = kept["n_features_in"]
        loaded.classes_ = loaded._targets.classes
        return loaded

    def to_panel(self, X: Any, y: ArrayLike | None = None) -> Panel:
        """``X`` as the model reads it, with the classes in ``y``, or its own, as labels.

        Raises:
            DataError: ``X`` is not like the training series, or ``y`` makes no sense.
        """
        panel, container = self._read(X)
        return labelled(panel, y, self.unlabelled, container.own_classes)[0]

    def _read(self, X: Any) -> tuple[Panel, Container]:
        """``X`` as a panel that the model can read, and its container."""
        check_is_fitted(self, "model_")
        panel, container = read(X, time_last=self.time_last, columns=self.columns)
        card = self.model_.card
        if container.kind == "table" and panel.grid != (self.n_features_in_,) and self._container.kind == "table":
            raise DataError(
                f"X has {panel.grid[0]} features, but InfoGAN is expecting {self.n_features_in_} features as input: "
                "timepoints of each series, as it was fitted on"
            )
        if container.kind in ("array", "list", "table") and panel.n_channels == len(card.channels):
            panel = replace(panel, channels=card.channels)
        elif container.kind == "array" and panel.grid[0] == len(card.channels):
            raise DataError(
                f"expected (n_cases, {len(card.channels)}, n_timepoints), got {panel.values.shape}, which looks like "
                f"(n, time, channel); turn it by X.transpose(0, 2, 1)"
            )
        check_fits(self.model_, panel)
        return panel, container

    def _names(self, labels: ArrayLike) -> list[str]:
        """Names of classes of ``y`` in the model; a name that a person gave a category is one too."""
        known = set(self.model_.category_names)
        values = np.asarray(labels).tolist()
        return [value if value in known else self._targets.name(value) for value in values]

    def _synthetic(self, n: int, cat: Any, cont: Any, names: list[str] | None, random_state: Any) -> Sample:
        for name in dict.fromkeys(names or ()):
            if name not in self.model_.category_names:
                found = ", ".join(sorted({known for known in self.model_.category_names if known})) or "none"
                raise SettingError(
                    f"no category belongs to class {name!r}, only to {found}: fit with y and "
                    "recipe='semi_supervised', where each class has one"
                )
        seed = seed_of(self.random_state if random_state is None else random_state)
        return sample(self.model_, n, cat=cat, cont=cont, label=names, seed=seed)

    def _codes(self, columns: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
        """A row for each series, with the label as in ``y``."""
        values = dict(zip(self._targets.names, self._targets.values, strict=True))
        codes: pd.DataFrame = pd.DataFrame(dict(columns))
        if "label" in codes:
            codes["label"] = pd.Series([values.get(name, name) for name in columns["label"]], dtype=object)
        return codes

    def _tell(self, report: Report) -> None:
        n_steps = self.plan_.training.max_steps
        every = max(1, n_steps // 10) if self.verbose == 1 else 1
        if report.step == n_steps or report.step // every > (report.step - self.plan_.training.report_every) // every:
            bounds = [f"{name} {value:.2f} nats" for name, value in report.stats.items() if name.startswith("bound_")]
            speed = f"{report.cases_per_s:.0f} cases/s"
            print(f"step {report.step} of {n_steps}: {', '.join([speed, *bounds])}", file=sys.stderr)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []  # features are float32, whatever the series are
        return tags


def _in_proportion(n: int, panel: Panel) -> list[str]:
    """``n`` names of classes in the class proportions of the panel; the largest remainders are rounded up."""
    exact = n * np.array(panel.class_frequencies)
    counts = np.floor(exact).astype(np.int64)
    counts[np.argsort(counts - exact, kind="stable")[: n - counts.sum()]] += 1
    names: list[str] = np.repeat(np.array(panel.classes, dtype=object), counts).tolist()
    return names
