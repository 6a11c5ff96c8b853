"""Codes that no series has: which series stand for them."""

from __future__ import annotations

import pytest
import torch

from tsinfogan.models.codes import CategoricalCode, Code, NormalCode, UniformCode
from tsinfogan.training.known_codes import MAX_NEAREST, NEAREST_SHARE, KnownCodes

CODES: tuple[Code, ...] = (CategoricalCode(2), UniformCode(), UniformCode())


def values(n: int, seed: int = 0) -> list[torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    category = (torch.arange(n) % 4 == 0).long()  # a quarter are of the second
    return [category, *(2 * torch.rand(n, generator=rng) - 1 for _ in range(2))]


@pytest.mark.parametrize("n", [1, 3, 16, 80, 400])
def test_for_any_codes_the_nearest_series_of_the_category_stand(n: int) -> None:
    known, own = KnownCodes(CODES, values(n)), torch.stack(values(n)[1:], dim=1)
    for category in values(n)[0].unique():
        members = (values(n)[0] == category).nonzero()[:, 0]
        wanted = min(MAX_NEAREST, -(-len(members) // round(1 / NEAREST_SHARE)))
        for point in torch.tensor([[0.0, 0.0], [1.0, -1.0], [-0.3, 0.8]]):
            nearest = members[(own[members] - point).norm(dim=1).argsort()[:wanted]]
            drawn = [torch.zeros(n).long(), *(number.expand(n) for number in point)]
            near = known.are_nearest(values(n), drawn) & (values(n)[0] == category)
            assert set(near.nonzero()[:, 0].tolist()) == set(nearest.tolist())


def test_drawn_codes_come_from_the_whole_prior_however_little_of_it_the_series_have() -> None:
    narrow = [value if index == 0 else 0.1 * value for index, value in enumerate(values(80))]
    known, reached = KnownCodes(CODES, narrow), []
    for seed in range(20):
        filled = known.filled(narrow, values(80, 1 + seed))
        assert torch.equal(filled[0], narrow[0])
        changed = (filled[1] != narrow[1]) & (filled[2] != narrow[2])
        assert torch.equal(filled[1] != narrow[1], changed)  # all codes of a series, or none
        reached.append(filled[1][changed].abs())
    assert 0.05 < len(torch.cat(reached)) / (20 * 80) < 0.3
    assert torch.cat(reached).max() > 0.9
    assert torch.cat(reached).median() > 0.4


def test_codes_are_compared_in_deviations_of_their_priors() -> None:
    codes = (NormalCode(), UniformCode(low=-100, high=100))
    first, second = torch.tensor([0.0, 1, 3, 3, 3, 3, 3, 3]), torch.tensor([0.0, 20, 90, 90, 90, 90, 90, 90])
    known = KnownCodes(codes, [first, second])
    at = [torch.tensor([0.9]).expand(8), torch.tensor([0.0]).expand(8)]
    # The second is .1 and 20 away, .36 deviations together; the first .9 and 0 away, .9 deviations.
    order = (torch.stack([first - 0.9, second / (200 / 12**0.5)])).norm(dim=0).argsort()
    assert order[0] == 1
    assert known.are_nearest([first, second], at)[:2].tolist() == [True, True]
    one = KnownCodes(codes, [first[:4], second[:4]])
    assert one.are_nearest([first[:4], second[:4]], [each[:4] for each in at]).tolist() == [False, True, False, False]


def test_without_categories_all_series_are_of_one() -> None:
    codes = (UniformCode(),)
    own = [torch.linspace(-1, 1, 9)]
    near = KnownCodes(codes, own).are_nearest(own, [torch.full((9,), -1.0)])
    assert near.nonzero()[:, 0].tolist() == [0, 1, 2]


def test_of_very_many_series_as_few_are_exchanged_as_if_all_were_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = []
    for compared in (4000, 400):
        monkeypatch.setattr("tsinfogan.training.known_codes.MAX_COMPARED", compared)
        known = KnownCodes(CODES, values(2000))
        assert len(known.continuous) == min(2000, compared)
        shares.append(float(known.are_nearest(values(2000), values(2000, 1)).float().mean()))
    # Five of 1500 and of 500, against none nearer of 300 and of 100
    assert shares[0] == pytest.approx((1500 * 5 / 1500 + 500 * 5 / 500) / 2000, abs=0.003)
    assert shares[1] == pytest.approx((1500 / 300 + 500 / 100) / 2000, abs=0.003)
