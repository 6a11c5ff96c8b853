"""Disentanglement measures on codes that are the factors, that know nothing, that mix them; and their closed forms."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from tsinfogan.datasets.pen_strokes import draw_letters
from tsinfogan.metrics.codes import CODE_MEASURES
from tsinfogan.metrics.codes._representation import Codes, binned, split
from tsinfogan.metrics.codes.context import CodeContext
from tsinfogan.metrics.codes.dci import dci, disentanglement
from tsinfogan.metrics.codes.factor_vae import factor_vae
from tsinfogan.metrics.codes.mig import mig
from tsinfogan.metrics.codes.sap import sap
from tsinfogan.models.codes import CategoricalCode, LatentSpec, UniformCode

Array = NDArray[np.float64]
N_CASES = 4500


def factors_of(n_cases: int = N_CASES, n_classes: int = 6, n_real: int = 3) -> Array:
    """``(n_cases, 1 + n_real)`` a class and real factors, independent and even."""
    rng = np.random.default_rng(0)
    return np.column_stack([rng.integers(n_classes, size=n_cases), rng.uniform(-0.2, 0.6, (n_cases, n_real))])


def perfect(factors: Array) -> Codes:
    """The factors again: in another order, scaled, some with the sign turned, categories numbered otherwise."""
    n_classes = int(factors[:, 0].max()) + 1
    category = np.eye(n_classes)[np.random.default_rng(1).permutation(n_classes)[factors[:, 0].astype(int)]]
    return [3 * factors[:, 2], -factors[:, 1] + 5, category, *(-0.9 * factors[:, 3:].T)]


def noise(factors: Array) -> Codes:
    """Codes of the same kinds that know nothing."""
    rng = np.random.default_rng(2)
    return [code[rng.permutation(len(code))] for code in perfect(factors)]


def mixed(factors: Array) -> Codes:
    """Every code an even mixture of all factors: a rotation with entries ±1/2."""
    hadamard = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]) / 2
    scaled = (factors - factors.mean(0)) / factors.std(0)
    return list((scaled @ hadamard).T)


BITS = np.random.default_rng(3).integers(2, size=(900, 4)).astype(float)
"""``(n, 4)`` factors of two values each: boosted trees take time for every value."""


def test_mig_of_good_bad_and_mixed_codes() -> None:
    factors = factors_of()
    assert mig(perfect(factors), factors)["mig"] > 0.97
    assert mig(noise(factors), factors)["mig"] < 0.02
    assert mig(mixed(factors), factors)["mig"] < 0.1


def test_mig_of_a_code_that_knows_one_of_two_bits() -> None:
    grid = np.stack(np.meshgrid(np.arange(4), np.arange(4), indexing="ij"), axis=-1).reshape(-1, 2).astype(float)
    factors = np.tile(grid, (10, 1))
    first_bit, second = np.eye(2)[factors[:, 0].astype(int) // 2], factors[:, 1]
    assert mig([first_bit, second], factors)["mig"] == pytest.approx((0.5 + 1) / 2)
    assert mig([second, second, factors[:, 0], -factors[:, 0]], factors)["mig"] == pytest.approx(0, abs=1e-9)


def test_mig_looks_at_ten_thousand_cases() -> None:
    factors = factors_of(12_000)
    codes = perfect(factors)
    for code in codes:
        code[10_000:] = 0
    assert mig(codes, factors)["mig"] > 0.9


def test_dci_of_good_bad_and_mixed_codes() -> None:
    good = dci(perfect(BITS), BITS)
    assert min(good.values()) > 0.95
    bad = dci(noise(BITS), BITS)
    assert bad["dci_informativeness"] == pytest.approx(1 / 2, abs=0.06)
    assert max(bad["dci_disentanglement"], bad["dci_completeness"]) < 0.3
    assert dci(mixed(BITS), BITS)["dci_disentanglement"] < 0.3


def test_disentanglement_of_known_importances() -> None:
    assert disentanglement(np.eye(4)) == pytest.approx(1)
    assert disentanglement(np.ones((4, 4))) == pytest.approx(0, abs=1e-6)
    assert disentanglement(np.zeros((4, 4))) == pytest.approx(0, abs=1e-6)
    halves = np.array([[0.5, 0.5, 0, 0]])
    assert disentanglement(halves) == pytest.approx(1 - np.log(2) / np.log(4))
    unused = np.array([[1.0, 0, 0, 0], [0, 0, 0, 0]])  # a code of no importance has no weight
    assert disentanglement(unused) == pytest.approx(1)


def test_completeness_sees_a_factor_shared_by_two_codes() -> None:
    factors = np.column_stack([np.arange(600) % 3, BITS[:600, :2]])
    shared: Codes = [factors[:, 0] == 0, factors[:, 0] == 1, *factors[:, 1:].T]
    seen = dci(shared, factors)
    assert seen["dci_disentanglement"] > 0.95
    assert seen["dci_completeness"] < 0.95


def test_factor_vae_of_good_and_bad_codes() -> None:
    factors = factors_of()
    assert factor_vae(perfect(factors), factors)["factor_vae"] > 0.99
    assert factor_vae(noise(factors), factors)["factor_vae"] == pytest.approx(1 / 4, abs=0.04)


def test_factor_vae_of_few_codes_is_at_most_their_share_of_the_factors() -> None:
    factors = factors_of()
    for n_codes in (1, 2, 3):
        got = factor_vae(perfect(factors)[:n_codes], factors)["factor_vae"]
        assert got == pytest.approx(n_codes / 4, abs=0.05)


def test_factor_vae_leaves_unused_codes_out() -> None:
    factors = factors_of()
    still = np.full(N_CASES, 0.01) + 1e-3 * np.random.default_rng(4).standard_normal(N_CASES)
    assert factor_vae([still, still], factors) == {"factor_vae": 0.0}
    assert factor_vae([still, *perfect(factors)], factors)["factor_vae"] > 0.99


def test_factor_vae_knows_no_order_of_categories() -> None:
    factors = factors_of()
    codes, renumbered = list(perfect(factors)), list(perfect(factors))
    renumbered[2] = renumbered[2][:, ::-1]
    assert factor_vae(codes, factors) == factor_vae(renumbered, factors)


def test_sap_of_good_bad_and_mixed_codes() -> None:
    factors = factors_of()
    good = sap(perfect(factors), factors)
    assert good["sap"] > 0.95
    assert good["sap_binned"] < 0.5  # the trap: ten bins on one line are not parted by lines
    assert max(sap(noise(factors), factors).values()) < 0.03
    assert sap(mixed(factors), factors)["sap"] < 0.1


def test_sap_is_the_gap_of_squared_correlations() -> None:
    factor = np.tile([-3.5, -0.5, 0.5, 3.5], 300)
    strange = np.tile([1.0, -1.0, -1.0, 1.0], 300)  # uncorrelated with the factor
    r_squared = factor.var() / (factor.var() + strange.var())
    assert sap([factor + strange, strange], factor[:, None])["sap"] == pytest.approx(r_squared)


def test_real_factors_are_cut_in_ten_even_bins_and_classes_stay() -> None:
    factors = np.column_stack([np.arange(100) % 17, np.linspace(2, 3, 100)])
    assert (binned(factors)[:, 0] == factors[:, 0]).all()
    np.testing.assert_array_equal(binned(factors)[:, 1], np.arange(100) // 10)


def test_two_thirds_teach() -> None:
    assert split(15_000) == (slice(10_000), slice(10_000, 15_000))
    assert split(60) == (slice(40), slice(40, 60))


def subject_of(n_cases: int, columns: tuple[str, ...]) -> CodeContext:
    """A model, as far as these measures look at it, whose Q reads every factor of the pen strokes rightly."""
    panel = draw_letters(n_cases, seed=5)
    factors = panel.factors
    assert factors is not None
    read = dict(zip(("cat", "cont0", "cont1", "cont2", "cont3"), factors.T, strict=True))
    read["cat"] = 19 - read["cat"].astype(int)
    codes = tuple(CategoricalCode(20) if column == "cat" else UniformCode() for column in columns)
    model = SimpleNamespace(settings=SimpleNamespace(latent=LatentSpec(3, codes)))
    return cast(CodeContext, SimpleNamespace(model=model, real=panel, encoded=read, seed=0))


@pytest.mark.parametrize(("name", "figure"), [("mig", 0.9), ("factor_vae", 0.99), ("sap", 0.95)])
def test_codes_of_a_model_meet_the_factors_of_its_series(name: str, figure: float) -> None:
    subject = subject_of(1500, ("cat", "cont0", "cont1", "cont2", "cont3"))
    assert CODE_MEASURES.get(name).compute(subject)[name] > figure


@pytest.mark.parametrize("name", ["mig", "dci", "factor_vae", "sap"])
def test_a_model_of_one_code_has_no_figures(name: str) -> None:
    assert CODE_MEASURES.get(name).compute(subject_of(30, ("cat",))) == {}
