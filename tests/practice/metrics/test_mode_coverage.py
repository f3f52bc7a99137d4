import math

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.data.sources.gaussian_grid import centres, gaussian_grid
from cartograd.practice.metrics.mode_coverage import mode_coverage, modes


@pytest.mark.law("mode-coverage")
def test_the_datas_own_points_cover_all_but_the_tail():
    x = gaussian_grid(examples=10_000).train.inputs
    found = modes(x)
    assert found.count == 25
    assert found.high_quality == pytest.approx(1 - math.exp(-4.5), abs=0.01)
    assert found.kl < 1e-3
    assert mode_coverage(x, x) == pytest.approx(0.989, abs=0.01)


@pytest.mark.law("mode-coverage")
@pytest.mark.parametrize("met", [1, 5, 24])
def test_points_in_some_clouds_have_their_share(met):
    x = centres(5)[:met].repeat(40, 1)
    found = modes(x)
    assert (found.count, found.high_quality) == (met, 1)
    assert found.kl == pytest.approx(math.log(25 / met), abs=1e-9)
    assert mode_coverage(x, centres(5)) == pytest.approx(met / 25, abs=1e-9)


def test_points_nowhere_have_none():
    x = torch.full((10, 2), 100.0)
    assert modes(x).count == 0
    assert mode_coverage(x, centres(5)) == 0


def test_a_few_points_do_not_make_a_cloud_met():
    x = torch.cat([centres(5)[:1].repeat(5000, 1), centres(5)[1:2].repeat(4, 1)])
    assert modes(x).count == 1


def test_points_of_three_numbers_are_refused():
    with pytest.raises(UsageError, match="2 numbers"):
        modes(torch.zeros(3, 3))
    with pytest.raises(UsageError, match="side= and noise="):
        mode_coverage(centres(5), centres(5) + 0.5)
