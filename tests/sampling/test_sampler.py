"""Sampling, sweeps and encoding: row k is row k, and what is not asked for stays as it is."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from _trainers import random_model
from tsinfogan.data.panel import Panel
from tsinfogan.errors import DataError, SettingError
from tsinfogan.models.model import Model
from tsinfogan.sampling.inference import encode
from tsinfogan.sampling.request import CodeRequest, CodeValues
from tsinfogan.sampling.sampler import ROWS_PER_PASS, Passes, Sample, sample, stream


def walks(n: int = 12) -> Panel:
    """Two channels, lengths from 9 to 20, three classes."""
    rng = np.random.default_rng(0)
    cases = [np.cumsum(rng.normal(size=(2, int(length))), axis=1) + 5 for length in rng.integers(9, 21, n)]
    return Panel.from_cases(cases, channels=("x", "y"), name="walks", labels=[["a", "b", "c"][k % 3] for k in range(n)])


def build(
    panel: Panel, *, recipe: str = "infogan", n_categories: tuple[int, ...] = (3,), n_continuous: int = 2
) -> Model:
    return random_model(panel, recipe=recipe, n_categories=n_categories, n_continuous=n_continuous)


@pytest.fixture(scope="module")
def model() -> Model:
    return build(walks())


def rows(part: Sample, index: slice | np.ndarray) -> list[np.ndarray]:
    lengths = part.panel.case_lengths
    return [part.panel.values[index], lengths[index], *(column[index] for column in part.columns.values())]


def same(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(some, others, strict=True))


# ---- row k


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_passes_side_by_side_are_those_one_after_another(model: Model) -> None:
    request = CodeRequest.of(model, None, None, None)
    passes = Passes(model, 5 * ROWS_PER_PASS, request, 0)
    assert passes.n_side_by_side == 3
    for part, first in zip(stream(model, passes.n, request), range(0, passes.n, passes.size), strict=True):
        assert same(rows(part, slice(None)), rows(passes.generate(first), slice(None)))
    assert torch.get_num_threads() == 3
    begun = stream(model, passes.n, request)
    next(begun)
    begun.close()  # type: ignore[attr-defined]
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_passes_of_many_numbers_are_computed_one_after_another(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = Passes(model, 9, CodeRequest.of(model, None, None, None), 0)
    monkeypatch.setattr("tsinfogan.sampling.sampler.NUMBERS_PER_PASS", passes.size * passes.numbers)
    assert passes.n_side_by_side == 1


@pytest.mark.parametrize(("cat", "cont"), [(None, None), (1, None), ([range(3)], [None, np.linspace(-1, 1, 5)])])
def test_row_k_does_not_depend_on_how_many_are_asked_for(model: Model, cat: CodeValues, cont: CodeValues) -> None:
    request = CodeRequest.of(model, cat, cont)

    def gathered(n: int) -> list[np.ndarray]:
        parts = [rows(part, slice(None)) for part in stream(model, n, request, seed=4)]
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    many = gathered(ROWS_PER_PASS + 40)
    assert len(many[0]) == (ROWS_PER_PASS + 40) * request.n_points
    for n in (1, 7, ROWS_PER_PASS, ROWS_PER_PASS + 1):
        few = gathered(n)
        assert len(few[0]) == n * request.n_points
        assert same(few, [column[: len(few[0])] for column in many])


def test_pieces_are_of_constant_size(model: Model) -> None:
    request = CodeRequest.of(model)
    sizes = [part.panel.n_cases for part in stream(model, 2 * ROWS_PER_PASS + 3, request)]
    assert sizes == [ROWS_PER_PASS, ROWS_PER_PASS, 3]


def test_a_later_piece_can_be_made_alone(model: Model) -> None:
    """The stream holds no state from one piece to the next."""
    request = CodeRequest.of(model, cont=[(-1, 0, 1), None])
    first, second, *_ = stream(model, 400, request)
    again, *_ = stream(model, 400, request)
    assert same(rows(first, slice(None)), rows(again, slice(None)))
    assert not same(rows(first, slice(100)), rows(second, slice(100)))


def test_seed_decides(model: Model) -> None:
    torch.manual_seed(99)
    one = rows(sample(model, 20, seed=1), slice(None))
    torch.manual_seed(7)
    assert same(one, rows(sample(model, 20, seed=1), slice(None)))
    assert not same(one, rows(sample(model, 20, seed=2), slice(None)))


# ---- codes


def test_a_sweep_changes_its_own_code_and_nothing_else(model: Model) -> None:
    request = CodeRequest.of(model, cont=[None, np.linspace(-2, 2, 9)])
    (swept,) = stream(model, 20, request, seed=3)
    assert swept.panel.n_cases == 20 * 9
    drawn = sample(model, 20, seed=3)
    np.testing.assert_allclose(
        swept.columns["cont1"].reshape(20, 9), np.tile(np.linspace(-2, 2, 9), (20, 1)), rtol=1e-6
    )
    for column in ("cat", "cont0"):
        np.testing.assert_array_equal(swept.columns[column].reshape(20, 9), drawn.columns[column][:, None].repeat(9, 1))
    middle = sample(model, 20, seed=3, cont=[None, 0.0])  # the same noise, the code at one point of the sweep
    assert same(rows(middle, slice(None)), rows(swept, np.arange(4, 180, 9)))
    ends = swept.panel.values[:, :, :9].reshape(20, 9, -1)
    assert (np.abs(ends[:, 0] - ends[:, -1]).max(1) > 1e-3).all()


def test_two_sweeps_are_crossed_with_the_last_one_fastest(model: Model) -> None:
    request = CodeRequest.of(model, [range(3)], [None, (-1, 1)])
    assert request.n_points == 6
    (part,) = stream(model, 2, request)
    assert part.columns["cat"].tolist() == [0, 0, 1, 1, 2, 2] * 2
    assert part.columns["cont1"].tolist() == [-1, 1] * 6
    assert len(set(part.columns["cont0"].tolist())) == 2


def test_codes_not_given_follow_their_prior(model: Model) -> None:
    columns = sample(model, 3000, cat=None, cont=[0.25, None]).columns
    counts = np.bincount(columns["cat"], minlength=3)
    assert (np.abs(counts - 1000) < 5 * math.sqrt(3000 * 2 / 9)).all()
    assert (columns["cont0"] == 0.25).all()
    assert np.abs(columns["cont1"]).max() <= 1
    assert abs(columns["cont1"].std() - 1 / math.sqrt(3)) < 0.03


def test_columns_are_named_after_the_codes() -> None:
    panel = walks()
    assert list(sample(build(panel), 2).columns) == ["cat", "cont0", "cont1"]
    assert list(sample(build(panel, n_categories=(3, 4), n_continuous=1), 2).columns) == ["cat0", "cat1", "cont0"]
    assert list(sample(build(panel, n_categories=(), n_continuous=1), 2).columns) == ["cont0"]
    lone = sample(build(panel, n_categories=(5,), n_continuous=0), 2, cat=4)
    assert lone.columns["cat"].tolist() == [4, 4]


@pytest.mark.parametrize("n_categories", [(3,), (3, 2)])
def test_a_labelled_model_names_the_class(n_categories: tuple[int, ...]) -> None:
    model = build(walks(), recipe="acgan", n_categories=n_categories)
    part = sample(model, 5, cat=[1, *(None for _ in n_categories[1:])])
    assert part.columns["label"].tolist() == ["b"] * 5
    assert part.panel.labels is not None
    assert part.panel.labels.tolist() == [1] * 5
    assert part.panel.classes == ("a", "b", "c")
    assert sample(build(walks()), 5).panel.labels is None, "a free category is no label"


def test_no_series_asked_for(model: Model) -> None:
    with pytest.raises(SettingError, match="expected at least 1 series, got 0"):
        sample(model, 0)


# ---- raw units


def test_lengths_are_natural_and_within_those_seen(model: Model) -> None:
    panel = walks()
    assert panel.lengths is not None
    part = sample(model, 400)
    lengths = part.panel.lengths
    assert lengths is not None
    assert panel.lengths.min() <= lengths.min() < lengths.max() <= panel.lengths.max()
    for case in range(0, 400, 40):
        values = part.panel.values[case]
        assert np.isfinite(values[:, : lengths[case]]).all()
        assert np.isnan(values[:, lengths[case] :]).all()
    assert part.panel.channels == panel.channels


def test_raw_units_come_back(model: Model) -> None:
    """Tripling the data and moving it triples and moves what the same networks make."""
    panel = walks()
    moved = Panel.from_cases([panel.case(k) * 3 - 100 for k in range(12)], channels=("x", "y"), name="walks")
    other = build(moved)
    one, two = sample(model, 10).panel, sample(other, 10).panel
    np.testing.assert_array_equal(one.case_lengths, two.case_lengths)
    np.testing.assert_allclose(one.values * 3 - 100, two.values, rtol=1e-4, atol=1e-3)


def test_series_of_equal_length() -> None:
    panel = Panel.from_arrays(np.random.default_rng(0).normal(size=(8, 1, 24)), name="noise")
    model = build(panel)
    part = sample(model, 5)
    assert part.panel.lengths is None
    assert part.panel.values.shape == (5, 1, 24)
    assert np.isfinite(part.panel.values).all()


def test_images_stay_within_the_range_seen() -> None:
    values = np.random.default_rng(0).uniform(10, 200, (8, 1, 8, 8)).astype(np.float32)
    panel = Panel(values, ("grey",), name="pictures", view="image")
    model = build(panel)
    with torch.no_grad():
        for parameter in model.generator.parameters():
            parameter.mul_(3)
    synthetic = sample(model, 300).panel
    assert synthetic.values.shape == (300, 1, 8, 8)
    assert synthetic.view == "image"
    assert synthetic.values.min() >= values.min()
    assert synthetic.values.max() <= values.max()
    assert encode(model, panel)["cat"].shape == (8,)


# ---- encoding


def test_encoding_reads_q(model: Model) -> None:
    panel = walks()
    columns = encode(model, panel)
    assert list(columns) == ["cat", "cat_confidence", "cont0", "cont1"]
    with torch.no_grad():
        posteriors = model.discriminator(torch.from_numpy(model.preprocessor.transform(panel))).posteriors
    np.testing.assert_array_equal(columns["cat"], posteriors[0].argmax(1).numpy())
    np.testing.assert_allclose(columns["cat_confidence"], posteriors[0].softmax(1).amax(1).numpy(), rtol=1e-5)
    np.testing.assert_allclose(columns["cont1"], posteriors[2][:, 0].numpy(), rtol=1e-4, atol=1e-6)


def test_encoding_in_pieces_is_encoding_at_once(model: Model) -> None:
    panel = walks(ROWS_PER_PASS + 44)
    whole = encode(model, panel)
    last = encode(model, panel.subset(slice(ROWS_PER_PASS, None)))
    for name, column in whole.items():
        assert len(column) == ROWS_PER_PASS + 44
        np.testing.assert_allclose(column[ROWS_PER_PASS:], last[name], rtol=1e-4, atol=1e-6)


def test_codes_of_a_conditional_model_are_not_read() -> None:
    with pytest.raises(SettingError, match=r"Q was not trained to read categories: .*\(label_input 'projection'\)"):
        encode(build(walks(), recipe="cgan"), walks())
    for recipe in ("gan", "acgan", "semi_supervised"):
        assert set(encode(build(walks(), recipe=recipe), walks())["cat"]) <= {0, 1, 2}


def test_encoding_other_channels_or_sizes_is_refused(model: Model) -> None:
    panel = walks()
    other = Panel.from_cases([panel.case(k) for k in range(12)], channels=("x", "z"), name="others")
    with pytest.raises(DataError, match="others: expected the channels x, y that the model was trained on, got x, z"):
        encode(model, other)
    fixed = build(Panel.from_arrays(np.random.default_rng(0).normal(size=(8, 1, 24)), name="noise"))
    longer = Panel.from_arrays(np.zeros((2, 1, 25)), name="longer")
    with pytest.raises(DataError, match=r"longer: expected cases of size 24 as the model was trained on, got 25"):
        encode(fixed, longer)


def test_a_model_of_unequal_lengths_encodes_equal_ones(model: Model) -> None:
    panel = Panel.from_arrays(np.random.default_rng(0).normal(size=(4, 2, 15)), channels=("x", "y"))
    assert encode(model, panel)["cat"].shape == (4,)


# ---- names


@pytest.fixture
def named(model: Model) -> Iterator[Model]:
    """Three categories, of which the last two share a name."""
    model.names = ("x", "y", "y")
    yield model
    model.names = ()


def test_names_are_labels(named: Model) -> None:
    part = sample(named, 40)
    assert part.columns["label"].tolist() == [named.names[category] for category in part.columns["cat"]]
    assert part.panel.labels is not None
    assert [part.panel.classes[label] for label in part.panel.labels] == part.columns["label"].tolist()
    plain = rows(part, slice(None))[:-1]
    named.names = ()
    assert same(plain, rows(sample(named, 40), slice(None))), "a name changes nothing but the label"


def test_names_that_are_classes_keep_the_order_of_the_data(named: Model) -> None:
    named.names = ("c", "c", "a")
    part = sample(named, 5, label="a")
    assert part.panel.classes == ("a", "b", "c")
    assert part.panel.labels is not None
    assert part.panel.labels.tolist() == [0] * 5


def test_categories_of_one_name_take_turns(named: Model) -> None:
    part = sample(named, ROWS_PER_PASS + 5, label="y", cont=[None, 0.5])
    assert part.columns["cat"].tolist() == ([1, 2] * ROWS_PER_PASS)[: ROWS_PER_PASS + 5]
    assert set(part.columns["label"]) == {"y"}
    alone = sample(named, ROWS_PER_PASS + 5, cat=2, cont=[None, 0.5])
    odd = np.arange(1, ROWS_PER_PASS + 5, 2)
    assert same(rows(part, odd), rows(alone, odd)), "the noise of a draw does not depend on how its category was chosen"


def test_a_column_of_empty_labels_is_left_out(named: Model) -> None:
    named.names = (None, "y", None)
    assert "label" not in sample(named, 3, cat=0).columns
    assert sample(named, 3, cat=0).panel.labels is None
    assert sample(named, 3, cat=1).columns["label"].tolist() == ["y"] * 3
    drawn = sample(named, 50)
    assert set(drawn.columns["label"]) == {"y", None}
    first = int(np.argmax(drawn.columns["cat"] == 1))
    assert "label" in sample(named, first + 1).columns
    if first:
        assert "label" not in sample(named, first).columns


def test_names_and_categories_are_not_both_given(named: Model) -> None:
    with pytest.raises(SettingError, match="give one of them"):
        sample(named, 3, cat=1, label="y")
    with pytest.raises(SettingError, match="unknown label 'z'"):
        sample(named, 3, label="z")


def test_a_series_of_one_point_is_refused(model: Model) -> None:
    cases = [np.zeros((2, 9)), np.zeros((2, 1))]
    with pytest.raises(DataError, match="2 or more timepoints, got 1 in case 1"):
        encode(model, Panel.from_cases(cases, channels=("x", "y")))
    own = Panel.from_cases([np.random.default_rng(0).normal(size=(2, n)) for n in (1, 5, 9, 7)], channels=("x", "y"))
    assert len(encode(build(own), own)["cat"]) == 4, "what it was trained on, a model reads"


def test_images_are_no_series(model: Model) -> None:
    panel = Panel(np.zeros((2, 2, 4, 4), np.float32), ("x", "y"), view="image")
    with pytest.raises(DataError, match="expected series as the model was trained on, got images"):
        encode(model, panel)
