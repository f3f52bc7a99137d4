"""Metrics of regressors against scikit-learn."""

import warnings

import numpy as np
import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.practice.metrics import mae as mae_file
from cartograd.practice.metrics import mape as mape_file
from cartograd.practice.metrics import r2 as r2_file
from cartograd.practice.metrics import rmse as rmse_file
from cartograd.practice.metrics.mae import mae
from cartograd.practice.metrics.mape import mape
from cartograd.practice.metrics.r2 import r2
from cartograd.practice.metrics.rmse import rmse
from tests.reference import Reference

sk = Reference("sklearn.metrics")

CASES = {
    "rmse": (rmse, rmse_file, sk.root_mean_squared_error),
    "mae": (mae, mae_file, sk.mean_absolute_error),
    "mape": (mape, mape_file, sk.mean_absolute_percentage_error),
    "r2": (r2, r2_file, sk.r2_score),
}


def examples(k=1, *, offset=5.0, n=300):
    draw = np.random.default_rng(0)
    targets = torch.from_numpy(draw.uniform(1, 3, (n, k))) + offset
    return targets + torch.from_numpy(draw.normal(size=(n, k))), targets


@pytest.mark.oracle("rmse", "mae", "mape", "r2")
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_scikit_learns(name, k, offset):
    metric, file, oracle = CASES[name]
    outputs, targets = examples(k, offset=offset)
    assert metric(outputs, targets) == pytest.approx(oracle(targets, outputs), rel=1e-10, abs=1e-10)
    w = torch.from_numpy(np.random.default_rng(1).uniform(0.1, 3, (4, 300)))
    expected = [oracle(targets, outputs, sample_weight=row.numpy()) for row in w]
    np.testing.assert_allclose(file.weighed(outputs, targets, w), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_a_trailing_one_may_be_missing(name):
    metric = CASES[name][0]
    outputs, targets = examples()
    assert (
        metric(outputs[:, 0], targets) == metric(outputs, targets[:, 0]) == metric(outputs, targets)
    )


@pytest.mark.oracle("r2")
def test_constant_targets():
    same = torch.full((4,), 0.1, dtype=torch.float64)
    for outputs in (same, same + 1):
        assert r2(outputs, same) == sk.r2_score(same, outputs)


@pytest.mark.law("rmse")
def test_rmse_is_in_the_unit_of_the_target_and_above_mae():
    outputs, targets = examples()
    assert rmse(1000 * outputs, 1000 * targets) == pytest.approx(1000 * rmse(outputs, targets))
    assert rmse(outputs, targets) >= mae(outputs, targets)


@pytest.mark.law("mae")
def test_the_median_is_the_best_constant():
    _, targets = examples(n=301)
    best = mae(targets.median().expand(301), targets)
    assert all(mae(torch.full((301,), c), targets) >= best for c in np.linspace(6, 8, 50))
    assert mae(3 * targets + 3, 3 * targets) == pytest.approx(3)


@pytest.mark.law("mape")
def test_mape_has_no_unit_and_warns_near_zero():
    outputs, targets = examples()
    assert mape(7 * outputs, 7 * targets) == pytest.approx(mape(outputs, targets))
    targets[3] = 1e-6
    with pytest.warns(UserWarning, match="1 of 300 targets are near zero"):
        mape(outputs, targets)
    with warnings.catch_warnings(action="ignore"):
        found = mape(torch.tensor([1.0]), torch.tensor([0.0]))
    assert found == pytest.approx(sk.mean_absolute_percentage_error([0.0], [1.0]))


@pytest.mark.law("r2")
def test_r2_of_the_mean_and_of_the_targets():
    outputs, targets = examples()
    assert r2(targets.mean().expand(300), targets) == pytest.approx(0, abs=1e-12)
    assert r2(targets, targets) == 1
    assert r2(1e3 * outputs + 4, 1e3 * targets + 4) == pytest.approx(r2(outputs, targets))


@pytest.mark.parametrize("name", CASES)
def test_shapes_that_would_spread_over_each_other_are_refused(name):
    with pytest.raises(UsageError, match="do not belong together"):
        CASES[name][0](torch.zeros(4, 1), torch.zeros(4, 4))
    with pytest.raises(UsageError, match="do not belong together"):
        CASES[name][0](torch.zeros(4, 1), torch.ones(3))
