import numpy as np
import pytest
import torch

from cartograd.training.regularization.l1 import l1, shrink, zeros
from tests.reference import Reference

linear_model = Reference("sklearn.linear_model")


def data():
    x = torch.randn(80, 12, dtype=torch.float64)
    true = torch.tensor([3.0, -2, 1, 0.5] + [0.0] * 8, dtype=torch.float64)
    return x, x @ true + 0.3 * torch.randn(80, dtype=torch.float64)


def gradient(x, y, w):
    return x.T @ (x @ w - y) / len(y)


def proximal(x, y, *, strength, steps=3000):
    lr = len(y) / torch.linalg.matrix_norm(x, 2).square().item()
    w = torch.zeros(x.shape[1], dtype=torch.float64)
    for _ in range(steps):
        w = shrink(w - lr * gradient(x, y, w), amount=lr * strength)
    return w


@pytest.mark.oracle("l1")
@pytest.mark.parametrize("strength", [0.05, 0.3])
def test_proximal_descent_ends_at_scikit_learns_lasso(strength):
    x, y = data()
    w = proximal(x, y, strength=strength)
    lasso = linear_model.Lasso(
        alpha=strength, fit_intercept=False, tol=1e-14, max_iter=100_000
    ).fit(x, y)
    np.testing.assert_allclose(w, lasso.coef_, rtol=0, atol=1e-8)
    assert ((w == 0).numpy() == (lasso.coef_ == 0)).all()


@pytest.mark.law("l1")
def test_shrink_is_the_minimum_of_its_definition():
    v = torch.linspace(-4, 4, 80_001, dtype=torch.float64)
    for w in (-2.3, -0.4, 0.0, 0.7, 3.1):
        best = v[((v - w).square() / 2 + 0.7 * v.abs()).argmin()]
        found = shrink(torch.tensor(w, dtype=torch.float64), amount=0.7)
        assert found.item() == pytest.approx(best.item(), abs=1e-4)


@pytest.mark.law("l1")
def test_zeros_grow_with_the_strength():
    x, y = data()
    found = [zeros(proximal(x, y, strength=s, steps=500)) for s in (0.0, 0.03, 0.3, 1.0, 10.0)]
    assert found == sorted(found)
    assert found[0] == 0
    assert found[-1] == 1
    assert len(set(found)) >= 4


@pytest.mark.law("l1")
def test_subgradient_steps_come_near_and_do_not_arrive():
    x, y = data()
    w = torch.zeros(12, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.05)
    for _ in range(500):
        optimizer.zero_grad()
        ((x @ w - y).square().mean() / 2 + l1(w, weight=0.3)).backward()
        optimizer.step()
    assert zeros(w) == 0
    assert zeros(w, eps=0.05) > 0.3
