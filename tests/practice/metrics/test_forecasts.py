"""Metrics of forecasts: by hand, by scikit-learn, and by what must hold."""

import math

import pytest
import torch
from sklearn.metrics import mean_pinball_loss
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.practice.metrics.interval import interval
from cartograd.practice.metrics.interval_coverage import interval_coverage
from cartograd.practice.metrics.mae import mae
from cartograd.practice.metrics.mase import mase
from cartograd.practice.metrics.paired import difference
from cartograd.practice.metrics.pinball import pinball
from cartograd.practice.metrics.rmse import rmse
from cartograd.practice.metrics.smape import smape


def two_windows() -> tuple[Tensor, Tensor]:
    """Two windows of two steps: middles 2, 4 and 10, 12; values 3, 4 and 8, 15."""
    middle = torch.tensor([[2.0, 4.0], [10.0, 12.0]], dtype=torch.float64)
    right = torch.tensor([[3.0, 4.0], [8.0, 15.0]], dtype=torch.float64)
    unit = torch.tensor([[2.0, 2.0], [4.0, 4.0]], dtype=torch.float64)
    said = torch.stack([middle - 1, middle, middle + 2], 2)
    return said, torch.stack([right, right - 1, unit], 2)


@pytest.mark.law("mase")
def test_mase_by_hand_and_in_any_unit():
    said, right = two_windows()
    assert mase(said, right) == pytest.approx((0.5 + 0 + 0.5 + 0.75) / 4)
    assert mase(said * 7, right * 7) == pytest.approx(mase(said, right))
    before = right[:, :, 1:2].expand(-1, -1, 3)
    assert mase(before, right) == pytest.approx((0.5 + 0.5 + 0.25 + 0.25) / 4)


@pytest.mark.law("smape")
def test_smape_by_hand_and_its_ends():
    said, right = two_windows()
    expected = (2 * 1 / 5 + 0 + 2 * 2 / 18 + 2 * 3 / 27) / 4
    assert smape(said, right) == pytest.approx(expected)
    turned = right.clone()
    turned[:, :, 0] = said[:, :, 1]
    assert smape(right[:, :, :1].expand(-1, -1, 3), turned) == pytest.approx(expected)
    zero = torch.zeros(1, 2, 3)
    assert smape(zero, zero) == 0
    assert smape(zero, torch.ones(1, 2, 3)) == 2


@pytest.mark.oracle("pinball")
def test_pinball_is_scikit_learns():
    draw = torch.Generator().manual_seed(0)
    said = torch.randn(50, 4, 3, generator=draw, dtype=torch.float64).sort(2).values
    right = torch.randn(50, 4, 3, generator=draw, dtype=torch.float64)
    expected = [
        mean_pinball_loss(right[:, :, 0].flatten(), said[:, :, i].flatten(), alpha=p)
        for i, p in enumerate((0.1, 0.5, 0.9))
    ]
    assert pinball(said, right) == pytest.approx(sum(expected) / 3, rel=1e-10)


@pytest.mark.law("interval-coverage")
def test_coverage_by_hand_and_of_true_quantiles():
    said, right = two_windows()
    assert interval_coverage(said, right) == 0.5  # 3 within 1 to 4, 4 within 3 to 6, 8, 15 outside
    z = 1.2815515655446004  # of 90 %
    ends = torch.tensor([-z, 0.0, z]).expand(4000, 5, 3)
    drawn = torch.randn(4000, 5, 3, generator=torch.Generator().manual_seed(0))
    low, high = interval(interval_coverage, ends, drawn)
    assert low < 0.8 < high
    assert high - low < 0.03


def test_errors_of_values_are_those_of_the_middles_step_by_step():
    said, right = two_windows()
    assert mae(said, right) == pytest.approx((1 + 0 + 2 + 3) / 4)
    steps = math.sqrt((1 + 4) / 2), math.sqrt((0 + 9) / 2)
    assert rmse(said, right) == pytest.approx(sum(steps) / 2)


def test_a_difference_is_paired_over_windows():
    draw = torch.Generator().manual_seed(0)
    right = torch.randn(200, 4, 3, generator=draw).abs() + 1
    near = right[:, :, :1] + 0.3 * torch.randn(200, 4, 1, generator=draw)
    worse = near + 0.1 * (near - right[:, :, :1]).sign()
    low, high = difference(mase, near.expand(-1, -1, 3), worse.expand(-1, -1, 3), right)
    assert 0 < low < high < 0.2


@pytest.mark.parametrize("measure", [mase, smape, pinball, interval_coverage])
def test_what_is_no_forecast_is_refused(measure):
    with pytest.raises(
        UsageError, match=r"expected forecasts and values of series \(n, steps, 3\)"
    ):
        measure(torch.ones(4, 2), torch.ones(4, 2))
