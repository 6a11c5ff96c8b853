"""Whether synthetic series help: one classifier, one budget, a few labels, and every way to get more series.

Each draw picks the labelled series once; every method gets the same ones and the same seeds, so that methods are
compared draw by draw. The generator may have been trained on all training series, without a label; which category is
which class follows from that draw's labelled series alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from sklearn.metrics import f1_score

from tsinfogan.data.augmentations import Augmentations
from tsinfogan.data.panel import FloatArray, IntArray, Panel
from tsinfogan.devices import choose_device
from tsinfogan.errors import DataError, SettingError
from tsinfogan.metrics.augmentation.methods import BASELINE, METHODS, Inputs, Method, in_order
from tsinfogan.metrics.augmentation.preparation import with_classes_of
from tsinfogan.metrics.augmentation.situations import Situation, class_sizes, situations_of
from tsinfogan.metrics.augmentation.verdicts import Study, StudySettings, Trial
from tsinfogan.metrics.classifier import ClassifierSettings, fit_to_panel
from tsinfogan.models.model import Model
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.sampling.inference import check_fits
from tsinfogan.seeding import Stream, derived_seed
from tsinfogan.training.session import fit

LABELS, IMBALANCE = (1, 5, 10, 50), 20


def augment_study(
    train: Panel,
    test: Panel,
    model: Model | Sequence[Model] | None = None,
    *,
    labels: Sequence[int] = LABELS,
    imbalance: int | None = IMBALANCE,
    n_draws: int = StudySettings.n_draws,
    methods: Sequence[str | Method] | None = None,
    labelled_only: bool = False,
    synthetic: int = StudySettings.synthetic,
    steps: int = StudySettings.steps,
    seed: int = 0,
    device: str = "auto",
    tell: Callable[[Trial], None] | None = None,
) -> Study:
    """Trains a classifier with few labels, once for each way to get more series, and tests it on real ones.

    Args:
        train: training series; labels are drawn from it, and what is not drawn is unlabelled.
        test: held-out series with labels; never trained on.
        model: a generator trained on ``train`` without labels, or several that take turns; None trains one.
        labels: numbers of labels per class.
        imbalance: labels of a common class for one of a rare class, in a situation of its own; None leaves it out.
        n_draws: draws of labelled series.
        methods: names of methods; all but slow ones by default. ``none`` is always among them.
        labelled_only: adds a generator that is trained on the labelled series alone, anew for each draw: minutes each.
        synthetic: series wanted of each class beyond the size of the largest one.
        steps: optimization steps of each classifier, the same for every method.
        seed: everything random follows from it.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        tell: is called with each trial.

    Raises:
        DataError: no labels, other classes or channels in ``test``, or too few labelled series for every situation.
        SettingError: numbers that make no sense, no such method, or a model that was trained with labels.

    Example:
        >>> import numpy as np
        >>> from tsinfogan import Panel, augment_study
        >>> from tsinfogan.metrics.augmentation.verdicts import rows
        >>> levels = np.arange(24) % 2  # two classes of noise that differ in level
        >>> noise = np.random.default_rng(0).normal(levels[:, None, None], size=(24, 1, 16))
        >>> panel = Panel.from_arrays(noise, labels=np.array(["low", "high"])[levels])
        >>> study = augment_study(
        ...     panel.subset(slice(12)), panel.subset(slice(12, 24)), labels=(3,), imbalance=None, n_draws=2,
        ...     methods=["classical"], synthetic=4, steps=2, device="cpu",
        ... )
        >>> [(row.situation, row.method) for row in rows(study)]
        [('3 labels per class', 'none'), ('3 labels per class', 'classical')]
    """
    chosen = chosen_methods(methods, labelled_only)
    settings = StudySettings(n_draws, synthetic, steps, seed, device)
    if model is None and any(method.needs_model for method in chosen.values()):
        n_categories = (len(train.classes),)  # the generator knows how many classes there are, and no label
        model = fit(without_labels(train), device=device, n_categories=n_categories, settings={"seed": seed})
    models = () if model is None else (model,) if isinstance(model, Model) else tuple(model)
    return run_study(train, test, models, chosen, situations_of(tuple(labels), imbalance), settings, tell)


def chosen_methods(asked: Sequence[str | Method] | None = None, labelled_only: bool = False) -> dict[str, Method]:
    """Methods by name, the baseline among them; all but slow ones by default."""
    every = METHODS.chosen()
    chosen = METHODS.chosen([name for name, method in every.items() if not method.slow] if asked is None else asked)
    slow = {name: method for name, method in every.items() if method.slow and labelled_only}
    return in_order({BASELINE: every[BASELINE]} | chosen | slow)


def run_study(
    train: Panel,
    test: Panel,
    models: Sequence[Model],
    methods: Mapping[str, Method],
    situations: Sequence[Situation],
    settings: StudySettings,
    tell: Callable[[Trial], None] | None = None,
) -> Study:
    """The study of any methods in any situations; see :func:`augment_study`."""
    train, test = (replace(panel, factors=None, factor_names=()) for panel in (train, test))
    test = with_classes_of(train, test)
    check_panels(train, test)
    for model in models:
        check_model(model, train)
    skipped = {one.name: reason for one in situations if (reason := one.missing(train)) is not None}
    kept = tuple(one for one in situations if one.name not in skipped)
    if not kept:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
        raise DataError(f"{train.name}: too few labelled series: {reasons}; ask for fewer labels")
    if not models:
        lacking = [name for name, method in methods.items() if method.needs_model]
        skipped |= dict.fromkeys(lacking, "there is no generator")
        methods = {name: method for name, method in methods.items() if name not in lacking}
    preprocessor, device = Preprocessor.fit(train, evenly=True), choose_device(settings.device)
    trials = []
    for number, situation in enumerate(kept):
        for draw in range(settings.n_draws):
            seed = derived_seed(settings.seed, Stream.STUDY, number, draw)
            labelled = train.subset(situation.draw(train, seed))
            notes: list[str] = []
            turn = models[draw % len(models)] if models else None
            inputs = Inputs(preprocessor, without_labels(train), turn, fit, device, notes.append)
            for name, method in methods.items():
                if method.class_weights and situation.score != "macro_f1":
                    continue  # equal weights are no weights
                notes.clear()
                predicted, n_new = predictions(method, labelled, test, inputs, settings, seed)
                scores = float((predicted == test.case_labels).mean()), macro_f1(predicted, test.case_labels)
                trials.append(Trial(situation.name, name, draw, *scores, labelled.n_cases, n_new, "; ".join(notes)))
                if tell is not None:
                    tell(trials[-1])
    return Study(train.name, test.n_cases, kept, methods, tuple(trials), skipped, len(models), settings)


def predictions(
    method: Method, labelled: Panel, test: Panel, inputs: Inputs, settings: StudySettings, seed: int
) -> tuple[IntArray, int]:
    """``(n_test,)`` classes that a method predicts from a draw of labelled series, and how many series it added."""
    if method.read is not None:
        return method.read(labelled, test, inputs, seed), 0
    sizes, pool = class_sizes(labelled), labelled
    wanted = sizes.max() - sizes + settings.synthetic  # (n_classes,)
    if method.augment is not None and wanted.any():
        pool = Panel.concatenated([labelled, method.augment(labelled, wanted, inputs, seed)])
    sizes = class_sizes(pool)
    weights: FloatArray | None = (sizes.mean() / sizes).astype(np.float32) if method.class_weights else None
    unaugmented = replace(pool, augmentations=Augmentations())
    of_classifier = ClassifierSettings(seed, settings.steps, device=inputs.device)
    classifier = fit_to_panel(unaugmented, inputs.preprocessor, of_classifier, weights)
    return classifier.predict(inputs.preprocessor.transform(test)), pool.n_cases - labelled.n_cases


def macro_f1(predicted: IntArray, classes: IntArray) -> float:
    """Mean F1 score over the true classes ``(n,)`` that occur, of ``(n,)`` predicted ones, −1 for none."""
    return float(f1_score(classes, predicted, labels=np.unique(classes), average="macro"))


def without_labels(panel: Panel) -> Panel:
    """The same series without labels and class names."""
    return replace(panel, labels=None, classes=())


def check_panels(train: Panel, test: Panel) -> None:
    """Raises a DataError unless both hold labelled series of several classes and of the same channels."""
    for panel in (train, test):
        if not (panel.case_labels >= 0).any():
            raise DataError(f"{panel.name}: expected labels to compare augmentation by, got none; add a label column")
    if len(train.classes) < 2:
        raise DataError(f"{train.name}: expected two or more classes, got {len(train.classes)}")
    if test.channels != train.channels:
        raise DataError(
            f"{test.name}: expected the channels {', '.join(train.channels)} of {train.name}, got "
            f"{', '.join(test.channels)}"
        )
    if (test.case_labels < 0).any():
        raise DataError(f"{test.name}: expected a label of every test series; leave out those without")


def check_model(model: Model, train: Panel) -> None:
    """Raises a SettingError unless ``model`` has categories and was trained without labels; DataError if misfit."""
    if model.settings.labelled:
        raise SettingError(
            "expected a generator that was trained without labels, since each draw brings its own, got one that was "
            "trained with labels; train one with `recipe=infogan`"
        )
    if not model.settings.n_categories:
        raise SettingError(
            "expected a generator with categories that classes can be matched with; train with `n_categories`"
        )
    check_fits(model, train)
