"""A best rate is never one at an edge of what was tried."""

import math

import pytest

from cartograd.evidence.rates import best_rate

GRID = [0.1, 0.2, 0.4]


@pytest.mark.parametrize("best", [0.2, 0.0125, 3.2])
def test_the_grid_goes_on_until_the_best_is_inside(best):
    found = best_rate(lambda rate: abs(math.log(rate / best)), GRID)
    assert found.rate == pytest.approx(best)
    assert found.inside
    rates = [rate for rate, _ in found.tried]
    assert rates == sorted(rates)
    assert min(rates) < found.rate < max(rates)


@pytest.mark.parametrize("slope", [1.0, -1.0])
def test_where_there_is_no_best_none_is_claimed(slope):
    found = best_rate(lambda rate: slope * rate, GRID)
    assert not found.inside
    assert len(found.tried) == 9


def test_a_rate_that_breaks_down_is_never_the_best():
    found = best_rate(lambda rate: math.inf if rate > 0.15 else -rate, GRID)
    assert found.rate == 0.1
    assert found.inside
