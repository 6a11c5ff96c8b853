"""Every registered measure keeps the contract; each one tells a good model, or good figures, from bad ones."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError, UnknownNameError
from tsinfogan.metrics.classifier import ClassifierSettings, fit_classifier
from tsinfogan.metrics.codes import CODE_MEASURES, CodeMeasure, Need
from tsinfogan.metrics.codes.context import SWEEP_STEPS, SWEEPS_PER_CATEGORY, CodeContext, evaluate
from tsinfogan.metrics.samples import SAMPLE_MEASURES
from tsinfogan.models.codes import CategoricalCode, LatentSpec, UniformCode
from tsinfogan.models.discriminator import DiscriminatorSettings
from tsinfogan.models.model import DataCard, Model, ModelSettings
from tsinfogan.preprocessing.augmenter import Augmenter
from tsinfogan.preprocessing.preprocessor import Preprocessor
from tsinfogan.preprocessing.scaling import ChannelTransform
from tsinfogan.training.plan import make_plan
from tsinfogan.training.session import build_model

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "measures.md").read_text()
RNG = np.random.default_rng(0)
K, N_TIMEPOINTS = 3, 16

FACTORS = tuple(name for name in CODE_MEASURES.names() if "factors" in CODE_MEASURES.get(name).needs)

# ---- a model whose every code does what it should, and ones that do not

TIME = torch.linspace(0, 1, N_TIMEPOINTS)
TURNS = 2 * math.pi * torch.arange(1, K + 1)[:, None] * TIME
TEMPLATES = torch.stack([torch.sin(TURNS), torch.cos(TURNS)], dim=1)  # (K, 2, t), orthogonal to the knobs
FOLLOWABLE = torch.stack(  # (2, 2, t) an offset of the first channel, a slope of the second
    [torch.stack([torch.ones(N_TIMEPOINTS), 0 * TIME]), torch.stack([0 * TIME, 2 * TIME - 1])]
)


class Maker(nn.Module):
    """Latent = one number of noise, K of the category, the two knobs."""

    injected_noise_dim = 0

    def __init__(self, templates: Tensor = TEMPLATES, knobs: Tensor = FOLLOWABLE):
        super().__init__()
        self.templates, self.knobs = nn.Parameter(templates), nn.Parameter(0.4 * knobs)

    def forward(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        synthetic = torch.einsum("nk,kct->nct", latent[:, 1 : 1 + K], self.templates)
        synthetic = synthetic + torch.einsum("nk,kct->nct", latent[:, 1 + K :], self.knobs)
        return synthetic + 0.02 * latent[:, :1, None] * torch.cos(9 * TIME)


class Reader(nn.Linear):
    """Reads what :class:`Maker` wrote; ``blind`` it always sees the first category and no knob."""

    settings = DiscriminatorSettings()

    def __init__(self, blind: bool = False):
        super().__init__(1, 1)
        self.blind, self.sizes, self.q = blind, [K, 2, 2], None

    def recognition_features(self, values: Tensor, label: Tensor | None = None) -> Tensor:
        return values

    def posteriors(self, q: None, values: Tensor) -> tuple[Tensor, ...]:
        knobs = torch.stack([values[:, 0].mean(1), (values[:, 1] * FOLLOWABLE[1, 1]).mean(1)], dim=1)
        knobs = knobs / (0.4 * FOLLOWABLE.square().mean(2).amax(1))  # (n, 2)
        rest = values - 0.4 * torch.einsum("nk,kct->nct", knobs, FOLLOWABLE)
        logits = -(rest[:, None] - TEMPLATES).square().sum((2, 3))  # (n, K)
        if self.blind:
            logits, knobs = torch.eye(K)[torch.zeros(len(values), dtype=torch.long)] * 20, 0 * knobs
        scale = torch.full((len(values),), math.log(0.2))
        return logits, *(torch.stack([knob, scale], 1) for knob in knobs.T)


def drawn(n: int, seed: int) -> Panel:
    """Real series of three classes with their factors: what a perfect Maker makes."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % K
    knobs = 2 * torch.rand(n, 2, generator=rng) - 1
    latent = torch.cat([torch.randn(n, 1, generator=rng), torch.eye(K)[labels], knobs], dim=1)
    return Panel.from_arrays(
        Maker()(latent, torch.zeros(n, 0)).detach().numpy(),
        labels=[("a", "b", "c")[k] for k in labels],
        factors=np.column_stack([labels, knobs]).astype(np.float32),
        factor_names=("class", "offset", "slope"),
    )


TRAIN, TEST = drawn(90, 0), drawn(150, 1)


def handmade(maker: nn.Module, reader: nn.Module, seed: int = 0) -> CodeContext:
    latent = LatentSpec(1, (CategoricalCode(K), UniformCode(), UniformCode()))
    raw = replace(Preprocessor.fit(TRAIN), channels=(ChannelTransform(), ChannelTransform()))
    model = Model(ModelSettings("conv1d", latent), DataCard.of(TRAIN), raw, maker, reader)  # type: ignore[arg-type]
    return taught(CodeContext(model, TRAIN, TEST, seed))


def taught(subject: CodeContext, steps: int = 60) -> CodeContext:
    """The subject with a classifier that did not take long."""
    panel = subject.real if subject.train is None else subject.train
    if panel.labels is not None:
        panel = panel.subset(panel.labels >= 0)
        assert panel.labels is not None
        augmenter = Augmenter.build(panel.augmentations, subject.model.preprocessor)
        values = subject.grid_values(panel)
        fitted = fit_classifier(
            values, panel.labels, len(panel.classes), augmenter, ClassifierSettings(subject.seed, steps)
        )
        subject.__dict__["classifier"] = fitted
    return subject


@pytest.fixture(scope="module")
def good() -> CodeContext:
    return handmade(Maker(), Reader())


@pytest.fixture(scope="module")
def blind() -> CodeContext:
    return handmade(Maker(), Reader(blind=True))


@pytest.fixture(scope="module")
def careless() -> CodeContext:
    """Its samples are of one class; both knobs turn the same thing, and that is the class."""
    return handmade(
        Maker(TEMPLATES[:1].expand(K, -1, -1), 2.5 * (TEMPLATES[1] - TEMPLATES[0]).expand(2, -1, -1)), Reader()
    )


@pytest.fixture(scope="module")
def good_figures(good: CodeContext) -> dict[str, dict[str, float]]:
    """By measure."""
    return {name: figures(good, name) for name in CODE_MEASURES.names()}


def of_codes(subject: CodeContext) -> dict[str, float]:
    """Figures of all measures that need no factors."""
    found, skipped = evaluate(subject, [name for name in CODE_MEASURES.names() if name not in FACTORS])
    assert not skipped
    return found


def figures(subject: CodeContext, name: str) -> dict[str, float]:
    return dict(CODE_MEASURES.get(name).compute(subject))


# ---- the contract

over_measures = pytest.mark.parametrize("name", CODE_MEASURES.names())


@over_measures
def test_entry(name: str) -> None:
    measure = CODE_MEASURES.get(name)
    assert measure.summary
    assert "\n" not in measure.summary
    assert not measure.summary.endswith(".")
    assert measure.better in ("higher", "lower")
    assert measure.needs <= set(get_args(Need))


@over_measures
def test_figures_are_finite_documented_and_the_same_again(
    name: str, good: CodeContext, good_figures: dict[str, dict[str, float]]
) -> None:
    assert good.missing(CODE_MEASURES.get(name)) is None
    measured = good_figures[name]
    assert measured
    assert all(type(value) is float and math.isfinite(value) for value in measured.values()), measured
    assert re.search(rf"^\| `{name}` \|", PAGE, re.MULTILINE), f"docs/measures.md has no row of {name}"
    for figure in measured:
        assert f"`{re.sub('cont[0-9]+', 'cont0', figure)}`" in PAGE, f"docs/measures.md does not tell of {figure}"
    again = handmade(Maker(), Reader())
    again.__dict__["classifier"] = good.classifier
    assert figures(again, name) == measured


def test_no_two_measures_share_a_figure(good_figures: dict[str, dict[str, float]]) -> None:
    names = [figure for measured in good_figures.values() for figure in measured]
    assert len(names) == len(set(names))


def test_page_has_no_row_of_what_does_not_exist() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert rows == {*CODE_MEASURES.names(), *SAMPLE_MEASURES.names()}


def test_a_measure_of_ones_own_is_passed_as_an_object_and_not_remembered(good: CodeContext) -> None:
    own = CodeMeasure("K", "higher", frozenset(), lambda context: {"k": float(context.categories)}, name="n_categories")
    names = CODE_MEASURES.names()
    assert evaluate(good, [own]) == ({"k": float(K)}, {})
    assert CODE_MEASURES.names() == names
    with pytest.raises(UnknownNameError, match="n_categories"):
        evaluate(good, ["n_categories"])


def test_unknown_measure(good: CodeContext) -> None:
    with pytest.raises(UnknownNameError, match="accuracy"):
        evaluate(good, ["accurracy"])


def series(n: int = 24, labels: bool = True) -> Panel:
    cases = [np.cumsum(RNG.normal(size=(2, int(length))), axis=1) for length in RNG.integers(9, 20, n)]
    return Panel.from_cases(cases, labels=[("a", "b", "c", None)[k % 4] for k in range(n)] if labels else None)


def images(n: int = 24) -> Panel:
    values = RNG.uniform(size=(n, 1, 8, 8))
    return Panel.from_arrays(values, view="image", labels=[("a", "b")[k % 2] for k in range(n)])


KINDS = {
    "unequal lengths, partly labelled": (series(), {}),
    "images": (images(), {}),
    "no labels": (series(labels=False), {"n_categories": (3,)}),
    "more categories than classes": (series(), {"n_categories": (5,)}),
    "two categorical codes": (series(), {"n_categories": (3, 2), "n_continuous": 1}),
    "no categories": (series(), {"n_categories": (), "n_continuous": 5}),
    "no continuous codes": (series(), {"n_continuous": 0}),
    "no codes": (series(), {"n_categories": (), "n_continuous": 0}),
    "normal codes, fixed scale": (series(), {"continuous_prior": "normal", "posterior_scale": 1.0}),
    "gan": (images(), {"recipe": "gan"}),
    "semi_supervised": (series(), {"recipe": "semi_supervised"}),
    "cgan": (images(), {"recipe": "cgan"}),
    "label as input channel": (images(), {"recipe": "cgan", "settings": {"label_input": "input_channel"}}),
    "categories by the data": (images(), {"recipe": "acgan", "category_prior": "data"}),
}
LABELS = ("accuracy", "purity", "flips")
CATEGORIES = ("accuracy", "agreement", "disagreement", "purity", "usage")
OF_READ_CATEGORIES = ("accuracy", "agreement", "disagreement", "usage")
CONTINUOUS = ("effects", "flips", "overlap", "readback")
SKIPPED = {
    "no labels": LABELS,
    "two categorical codes": ("overlap",),
    "no categories": CATEGORIES,
    "no continuous codes": CONTINUOUS,
    "cgan": OF_READ_CATEGORIES,
    "label as input channel": OF_READ_CATEGORIES,
    "no codes": (*CATEGORIES, *CONTINUOUS, "bound"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_is_measured_as_far_as_it_goes(kind: str) -> None:
    panel, options = KINDS[kind]
    model = build_model(make_plan(panel, noise_dim=3, width=4, **options), panel)  # type: ignore[arg-type]
    found, skipped = evaluate(taught(CodeContext(model, panel), steps=2))
    assert set(skipped) == {*SKIPPED.get(kind, ()), *FACTORS}
    assert all(math.isfinite(value) for value in found.values()), found
    assert all(reason and not reason.endswith(".") for reason in skipped.values())


def test_without_series_the_samples_are_measured_still(good: CodeContext) -> None:
    found, skipped = evaluate(CodeContext(good.model))
    assert set(found) == {*figures(good, "bound"), *figures(good, "readback"), "overlap"}
    assert skipped["agreement"] == "there are no real series at hand"
    with pytest.raises(DataError, match="expected real series"):
        _ = CodeContext(good.model).real


def test_series_of_other_channels_are_refused(good: CodeContext) -> None:
    with pytest.raises(DataError, match="expected the channels ch0, ch1"):
        CodeContext(good.model, Panel.from_arrays(np.zeros((2, 3, N_TIMEPOINTS))))


# ---- subject


def test_sweeps_turn_one_code_and_hold_the_rest(good: CodeContext) -> None:
    synthetic = good.sweeps(good.continuous["cont1"])
    assert synthetic.panel.n_cases == K * SWEEPS_PER_CATEGORY * SWEEP_STEPS
    cat, cont1 = (synthetic.columns[name].reshape(-1, SWEEP_STEPS) for name in ("cat", "cont1"))
    assert (cat == (np.arange(K * SWEEPS_PER_CATEGORY) % K)[:, None]).all()
    assert np.allclose(cont1, np.linspace(-1, 1, SWEEP_STEPS))
    assert (synthetic.columns["cont0"] == 0).all()
    values = good.sweep_values(good.continuous["cont1"])
    steps = np.diff(values, axis=1)  # the noise is held: a linear maker's steps are all the same
    assert np.allclose(steps, steps[:1, :1], atol=1e-5)


def test_every_code_turns_the_same_samples(good: CodeContext) -> None:
    first, second = (good.sweep_values(index) for index in good.continuous.values())
    assert np.array_equal(first[:, SWEEP_STEPS // 2], second[:, SWEEP_STEPS // 2])
    assert not np.allclose(first[:, 0], second[:, 0])


def test_sweeps_stand_in_order_wherever_the_category_stands() -> None:
    latent = LatentSpec(2, (UniformCode(), CategoricalCode(3)))
    panel = drawn(6, 0)
    settings = ModelSettings("conv1d", latent, width=4)
    subject = CodeContext(Model.build(settings, DataCard.of(panel), Preprocessor.fit(panel)))
    synthetic = subject.sweeps(0, steps=4, n_per_category=2)
    assert synthetic.columns["cat"].reshape(2, 3, 4).tolist() == [[[k] * 4 for k in range(3)]] * 2
    assert np.allclose(synthetic.columns["cont0"].reshape(-1, 4), np.linspace(-1, 1, 4))


def test_samples_are_of_every_category_and_seeded(good: CodeContext) -> None:
    synthetic, middle = good.samples(4), good.samples(4, cont=0.0)
    assert np.bincount(synthetic.columns["cat"]).tolist() == [4] * K
    assert synthetic.columns["cont0"].std() > 0.2
    assert (middle.columns["cont0"] == 0).all()
    other = CodeContext(good.model, seed=1).samples(4)
    assert not np.array_equal(other.panel.values, synthetic.panel.values)


# ---- the classifier


def test_classifier_learns_what_can_be_learned(good: CodeContext) -> None:
    assert TEST.labels is not None
    assert (good.classifier.predict(good.real_values) == TEST.labels).mean() > 0.97
    assert TRAIN.labels is not None
    augmenter = Augmenter.build(TRAIN.augmentations, good.model.preprocessor)
    misled = fit_classifier(good.grid_values(TRAIN), (TRAIN.labels + 1) % K, K, augmenter, ClassifierSettings(steps=60))
    assert (misled.predict(good.real_values) == TEST.labels).mean() < 0.03


def test_classifier_is_the_same_for_a_seed(good: CodeContext) -> None:
    augmenter = Augmenter.build(TRAIN.augmentations, good.model.preprocessor)
    assert TRAIN.labels is not None
    state = torch.get_rng_state()
    some, same, other = (
        fit_classifier(good.grid_values(TRAIN), TRAIN.labels, K, augmenter, ClassifierSettings(seed, 3))
        for seed in (0, 0, 1)
    )
    assert torch.equal(state, torch.get_rng_state())
    probabilities = [found.probabilities(good.real_values) for found in (some, same, other)]
    assert np.array_equal(probabilities[0], probabilities[1])
    assert not np.array_equal(probabilities[0], probabilities[2])
    assert np.allclose(probabilities[0].sum(1), 1, atol=1e-5)


def test_classifier_needs_labels(good: CodeContext) -> None:
    with pytest.raises(DataError, match="add a label column"):
        _ = CodeContext(good.model, replace(TRAIN, labels=None)).classifier


# ---- good and bad models


def test_a_good_model(good: CodeContext) -> None:
    found = of_codes(good)
    assert found["accuracy"] == found["nmi"] == found["ari"] == 1
    assert found["purity"] > 0.97
    assert found["classes_covered"] == found["pure_categories"] == K
    assert found["agreement"] > 0.9
    assert found["usage_least"] == pytest.approx(1)
    assert found["usage_evenness"] > 0.99
    assert found["bound_cat_share"] > 0.95
    assert found["overlap"] < 0.01
    for code in ("cont0", "cont1"):
        assert found[f"flips_{code}"] < 0.02
        assert found[f"r2_{code}"] > 0.99
        assert 1 < found[f"effect_{code}"] < 4


def test_a_blind_reader(good: CodeContext, blind: CodeContext) -> None:
    found = of_codes(blind)
    assert found["accuracy"] == pytest.approx(1 / K)
    assert found["nmi"] == found["ari"] == 0
    assert found["usage_least"] == 0
    assert found["usage_evenness"] == pytest.approx(1 / K, abs=0.01)
    assert found["disagreement"] > figures(good, "disagreement")["disagreement"] + 1
    assert found["bound_cat"] < 0
    assert found["bound_cont0"] < 0
    assert found["r2_cont0"] < 0.01


def test_a_careless_maker(careless: CodeContext) -> None:
    found = of_codes(careless)
    assert found["classes_covered"] < K
    assert found["flips_cont0"] > 0.9
    assert found["overlap"] == pytest.approx(1, abs=1e-4)
    assert found["bound_cat_share"] < 0.1


def test_a_knob_that_does_nothing() -> None:
    idle = handmade(Maker(knobs=FOLLOWABLE * torch.tensor([1.0, 0.0]).view(2, 1, 1)), Reader())
    found = figures(idle, "effects")
    assert found["effect_cont1"] == 0
    assert found["effect_cont0"] > 1
    assert figures(idle, "readback")["r2_cont1"] < 0.01
    assert figures(idle, "overlap")["overlap"] == 0
