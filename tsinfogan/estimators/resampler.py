"""``InfoGANResampler``: oversampling of rare classes with synthetic series, by imbalanced-learn's conventions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone

from tsinfogan.errors import SettingError, UnknownNameError
from tsinfogan.estimators.containers import read
from tsinfogan.estimators.infogan import InfoGAN
from tsinfogan.estimators.targets import read_targets

Strategy = str | float | Mapping[Any, int] | Callable[[Any], Mapping[Any, int]]


class InfoGANResampler(BaseEstimator):  # type: ignore[misc]
    """Trains one model on all series, and adds synthetic series to small classes. Works in an imblearn pipeline.

    Args:
        estimator: a clone of it is trained; None is ``InfoGAN()``. To use a fitted one as it is:
            ``sklearn.frozen.FrozenEstimator(fitted)``.
        sampling_strategy: which classes grow, and to what size:

            - ``"auto"`` or ``"not majority"``: all but the largest class, to its size; ``"minority"``: the smallest
              class only; ``"not minority"``: all but the smallest; ``"all"``: all;
            - a number up to 1, for two classes: the smaller one to that fraction of the larger;
            - a number above 1: every class to that multiple of its size;
            - a dictionary: each class in it to that size; or a function of ``y`` that returns one.
        random_state: None takes the estimator's.

    Attributes:
        estimator_: the trained :class:`InfoGAN`; absent if no class grows.
        sampling_strategy_: number of synthetic series by class, of the classes that grow.

    Example:
        >>> import numpy as np
        >>> from tsinfogan import InfoGAN, InfoGANResampler
        >>> X = np.sin(np.linspace(0, 6, 24) + np.arange(20)[:, None])[:, None]  # (20, 1, 24)
        >>> y = np.array(["common"] * 14 + ["rare"] * 6)
        >>> quick = InfoGAN(max_steps=2, settings={"width": 4, "pretraining_steps": 0}, random_state=0)
        >>> more, classes = InfoGANResampler(quick).fit_resample(X, y)
        >>> more.shape, (classes == "rare").sum().item()
        ((28, 1, 24), 14)
    """

    def __init__(
        self, estimator: InfoGAN | None = None, *, sampling_strategy: Strategy = "auto", random_state: Any = None
    ):
        self.estimator = estimator
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike) -> InfoGANResampler:
        """Counts how many series each class lacks, without generating them.

        Raises:
            DataError: series or classes that cannot be used as they are.
            SettingError: an unknown strategy, or one that does not fit ``y``.
        """
        estimator = self._new_estimator()
        n_cases = read(X, time_last=estimator.time_last, columns=estimator.columns)[0].n_cases
        labels, targets = read_targets(y, n_cases, estimator.unlabelled)
        sizes = np.bincount(labels[labels >= 0], minlength=len(targets.names)).tolist()
        self.sampling_strategy_ = missing(self.sampling_strategy, dict(zip(targets.values, sizes, strict=True)), y)
        return self

    def fit_resample(self, X: Any, y: ArrayLike) -> tuple[Any, Any]:
        """``X`` and ``y``, followed by synthetic series, class after class, and their classes.

        Args:
            X: series, as :class:`InfoGAN` takes them; they come back unchanged, in the same container.
            y: ``(n_cases,)`` class of each. Series of unknown class, None or NaN, take part in the training.

        Raises:
            DataError: series or classes that cannot be used as they are.
            SettingError: an unknown strategy, one that does not fit ``y``, or a class that no category belongs to.
            DivergedError: a loss stopped being finite.
        """
        self.fit(X, y)
        wanted = [value for value, n in self.sampling_strategy_.items() for _ in range(n)]
        if not wanted:
            return X, y
        self.estimator_ = self._new_estimator().fit(X, y)
        resampled: tuple[Any, Any] = self.estimator_.augment(X, y, label=wanted, random_state=self.random_state)
        return resampled

    def _new_estimator(self) -> Any:
        estimator = InfoGAN() if self.estimator is None else clone(self.estimator)
        if self.random_state is not None and "random_state" in estimator.get_params(deep=False):  # not a frozen one
            estimator.set_params(random_state=self.random_state)
        return estimator


def missing(strategy: Strategy, sizes: Mapping[Any, int], y: Any = None) -> dict[Any, int]:
    """Number of synthetic series of each class that grows, in the order of the classes; 0 if it has its size already.

    ``sizes`` are those of the classes in ``y``, which a strategy that is a function gets. A SettingError if there is no
    such strategy, or it does not fit the classes.
    """
    if len(sizes) < 2:
        raise SettingError(f"expected y with two or more classes, got {len(sizes)}: nothing can be balanced")
    if callable(strategy):
        strategy = strategy(y)
    if isinstance(strategy, Mapping):
        return _to_size(strategy, sizes)
    largest, smallest = max(sizes, key=sizes.__getitem__), min(sizes, key=sizes.__getitem__)
    # by strategy, the classes that do not grow
    constant: dict[str, set[Any]] = {"all": set(), "not minority": {smallest}, "minority": {*sizes} - {smallest}}
    constant["auto"] = constant["not majority"] = {largest}
    if isinstance(strategy, str):
        if strategy not in constant:
            raise UnknownNameError("sampling strategy", strategy, constant)
        return {value: sizes[largest] - size for value, size in sizes.items() if value not in constant[strategy]}
    if isinstance(strategy, (int, float, np.number)) and not isinstance(strategy, bool) and strategy > 0:
        return _by_number(float(strategy), sizes, largest, smallest)
    raise SettingError(
        f"expected sampling_strategy to be one of {', '.join(constant)}, a positive number, a dictionary or a "
        f"function, got {strategy!r}"
    )


def _to_size(wanted: Mapping[Any, int], sizes: Mapping[Any, int]) -> dict[Any, int]:
    for value, size in wanted.items():
        if value not in sizes:
            raise SettingError(f"class {value!r} in sampling_strategy is not in y, which has {_listed(sizes)}")
        if size < sizes[value]:
            raise SettingError(
                f"class {value!r} has {sizes[value]} series already, so it cannot grow to {size}; leave out classes "
                "that stay as they are"
            )
    return {value: int(wanted[value]) - sizes[value] for value in sizes if value in wanted}


def _by_number(number: float, sizes: Mapping[Any, int], largest: Any, smallest: Any) -> dict[Any, int]:
    if number > 1:
        return {value: round((number - 1) * size) for value, size in sizes.items()}
    if len(sizes) > 2:
        raise SettingError(
            f"a fraction such as {number} needs two classes, got {_listed(sizes)}; give a dictionary of sizes, "
            "or a number above 1, which multiplies every class"
        )
    size = int(number * sizes[largest])
    if size < sizes[smallest]:
        raise SettingError(
            f"class {smallest!r} has more than {number} times the series of the other already; give a larger fraction"
        )
    return {smallest: size - sizes[smallest]}


def _listed(sizes: Mapping[Any, int]) -> str:
    return ", ".join(map(repr, sizes))
