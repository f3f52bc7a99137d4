import pytest
import torch
from sklearn.linear_model import Ridge

from cartograd.architectures.transformer.in_context import (
    Regressor,
    excess,
    in_context_regression,
    least_squares,
    tasks,
)


@pytest.mark.law("in-context-regression")
def test_nothing_beats_the_posterior_mean():
    """It is scikit-learn's ridge regression, and other ridges have larger errors on its tasks."""
    noise, draw = 0.5, torch.Generator().manual_seed(0)
    x, y = tasks(2000, 7, draw, features=2, noise=noise)
    found = least_squares(x, y, noise=noise)
    for row in range(3):
        for seen in range(1, 7):
            ridge = Ridge(alpha=noise**2, fit_intercept=False)
            ridge.fit(x[row, :seen].double().numpy(), y[row, :seen].double().numpy())
            (theirs,) = ridge.predict(x[row, seen : seen + 1].double().numpy())
            assert float(found[row, seen]) == pytest.approx(theirs, abs=1e-5)
    errors = {
        ridge: float((least_squares(x, y, noise=ridge) - y)[:, 1:].square().mean())
        for ridge in (0.25, 0.5, 1.0)
    }
    assert min(errors, key=lambda ridge: errors[ridge]) == noise
    x, y = tasks(50, 4, draw, features=2, noise=0.0)
    exact = least_squares(x, y, noise=0.0)
    torch.testing.assert_close(exact[:, 2:], y[:, 2:], rtol=1e-2, atol=1e-2)


@pytest.mark.law("in-context-regression")
def test_a_value_that_is_yet_to_come_changes_no_answer():
    torch.manual_seed(0)
    model = Regressor(features=2, shots=4, dim=8, depth=2, heads=2).double()
    x, y = torch.randn(3, 5, 2).double(), torch.randn(3, 5).double()
    first = model(x, y)
    other = y.clone()
    other[:, 3:] += 1.0
    second = model(x, other)
    torch.testing.assert_close(second[:, :4], first[:, :4], rtol=0, atol=1e-12)
    assert (second[:, 4] - first[:, 4]).abs().min() > 1e-6


@pytest.mark.law("in-context-regression")
def test_a_small_transformer_learns_to_fit_lines():
    """After 250 steps it has learned some of what pairs tell of a function it never saw."""
    found = in_context_regression(steps=250, features=1, shots=4, dim=16, depth=2, lr=5e-3)
    assert [one.pairs for one in found] == [0, 1, 2, 3, 4]
    assert found[4].error < 0.7 * found[4].zero
    assert all(one.error > 0.95 * one.best for one in found)
    assert 0 < excess(found) < 0.7
