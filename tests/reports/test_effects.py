"""From traits to sentences: a continuous code gets the names that the figures support, and no other."""

import numpy as np
import pytest

from tsinfogan.reports.codes.effects import (
    Effect,
    count,
    effects,
    mean_change,
    named,
    percent,
    sentence,
    within_correlation,
)
from tsinfogan.reports.codes.traits import DURATION, FORCE, HEIGHT, SIZE, SLANT, WIDTH, Measured, Trait

LEVEL = Trait("level", "amount", "higher ({})", "lower ({})")


def planted(slope, noise, n_categories=4, n=200, seed=0):
    """Code, categories and a width that follows the code in each category by its own ``slope``."""
    rng = np.random.default_rng(seed)
    code, categories = rng.uniform(-1, 1, n_categories * n), np.repeat(np.arange(n_categories), n)
    per_category = np.broadcast_to(slope, n_categories)[categories]
    return code, categories, 10 + 5 * categories + per_category * code + rng.normal(size=len(code)) * noise


def test_correlation_is_within_categories():
    code, categories, width = planted(1.0, 0.0)
    assert within_correlation(code, width, categories) == pytest.approx(1)
    assert abs(np.corrcoef(code, width)[0, 1]) < 0.3  # categories differ far more
    assert within_correlation(code, -width, categories) == pytest.approx(-1)


def test_a_trait_that_rises_in_some_categories_and_falls_in_others_does_not_follow_the_code():
    code, categories, width = planted([1, -1, 1, -1], 0.1)
    assert abs(within_correlation(code, width, categories)) < 0.1


def test_noise_and_constants_do_not_correlate():
    code, categories, width = planted(0.0, 1.0)
    assert abs(within_correlation(code, width, categories)) < 0.15
    assert np.isnan(within_correlation(code, np.full_like(code, 3.0), categories))
    assert np.isnan(within_correlation(code, np.full_like(code, np.nan), categories))


def test_mean_change():
    groups = np.array([0, 0, 1, 1])
    low, high = np.array([1.0, 3.0, 10.0, 10.0]), np.array([2.0, 6.0, 5.0, 5.0])
    assert mean_change(low, high, groups, "share") == pytest.approx(0)  # doubled here, halved there
    assert mean_change(low, 1.2 * low, groups, "share") == pytest.approx(0.2)
    assert mean_change(low, low + 0.3, groups, "angle") == pytest.approx(0.3)
    assert mean_change(low, np.where([1, 0, 0, 0], np.nan, low + 0.3), groups, "amount") == pytest.approx(0.3)
    assert np.isnan(mean_change(-low, -high, groups, "share"))


def test_effects_come_strongest_first():
    code, categories, width = planted(1.0, 0.3)
    height = np.random.default_rng(1).normal(10, 1, len(code))
    drawn = Measured((HEIGHT, WIDTH), np.column_stack([height, width]))
    ends = np.arange(4)
    low = Measured(drawn.traits, np.column_stack([np.full(4, 10.0), np.full(4, 10.0)]))
    high = Measured(drawn.traits, np.column_stack([np.full(4, 10.1), np.full(4, 12.0)]))
    found = effects(code, categories, drawn, low, high, ends)
    assert [effect.trait.name for effect in found] == ["width", "height"]
    assert found[0].change == pytest.approx(0.2)
    assert [effect.trait.name for effect in named(found)] == ["width"]


def test_only_what_is_strong_visible_and_not_said_already_is_named():
    found = [Effect(SIZE, 0.9, 0.2), Effect(WIDTH, 0.8, 0.2), Effect(SLANT, 0.7, 0.2), Effect(FORCE, 0.6, 0.01)]
    assert [effect.trait for effect in named(found)] == [SIZE, SLANT]
    assert named([Effect(WIDTH, 0.49, 0.5)]) == []
    assert named([Effect(WIDTH, 0.9, -0.5)]) == []  # correlation and sweep contradict each other
    many = [Effect(Trait(str(i), "share", "{}", "{}"), 0.9, 0.5) for i in range(5)]
    assert len(named(many)) == 3


@pytest.mark.parametrize(
    ("found", "flips", "text"),
    [
        (
            [Effect(SLANT, 0.9, 0.31), Effect(WIDTH, 0.6, 0.14)],
            0.006,
            "cont0: slants to the right (+0.31 rad), 14 % wider; the class changes in 0.6 % of sweeps",
        ),
        (
            [Effect(SLANT, -0.9, -0.31), Effect(WIDTH, -0.6, -0.14)],
            None,
            "cont0: slants to the left (−0.31 rad), 14 % narrower",
        ),
        (
            [Effect(DURATION, 0.9, 0.2), Effect(FORCE, -0.9, -0.25)],
            0.0,
            "cont0: slower, 20 % longer in time, pressed 25 % more lightly; the class changes in 0 % of sweeps",
        ),
        ([Effect(LEVEL, 0.9, 1.234)], None, "cont0: higher (+1.2)"),
        (
            [Effect(HEIGHT, -0.21, -0.3)],
            None,
            "cont0: no measured trait follows it; the nearest is height, correlation −0.21",
        ),
        ([], None, "cont0: no measured trait changes with it"),
    ],
)
def test_sentences(found, flips, text):
    assert sentence("cont0", found, flips) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.0001, "less than 0.1 %"), (0.006, "0.6 %"), (0.02, "2 %"), (0.14, "14 %"), (1, "100 %")],
)
def test_percent(share, text):
    assert percent(share) == text


def test_count():
    assert [count(1, "category"), count(20, "category"), count(1, "series"), count(2, "series"), count(3, "code")] == [
        "1 category",
        "20 categories",
        "1 series",
        "2 series",
        "3 codes",
    ]
