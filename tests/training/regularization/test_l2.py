import copy

import numpy as np
import pytest
import torch
from torch import nn

from cartograd.training.regularization.l2 import decay, l2
from tests.reference import Reference

linear_model = Reference("sklearn.linear_model")


@pytest.mark.oracle("l2")
def test_minimum_is_scikit_learns_ridge():
    x, y = torch.randn(40, 6, dtype=torch.float64), torch.randn(40, dtype=torch.float64)
    w = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    settings = {"max_iter": 500, "tolerance_grad": 1e-12, "tolerance_change": 1e-16}
    optimizer = torch.optim.LBFGS([w], line_search_fn="strong_wolfe", **settings)

    def closure():
        optimizer.zero_grad()
        loss = (x @ w - y).square().sum() + l2(w, weight=3.0)
        loss.backward()
        return loss

    optimizer.step(closure)
    ridge = linear_model.Ridge(alpha=3.0, fit_intercept=False).fit(x, y)
    np.testing.assert_allclose(w.detach(), ridge.coef_, rtol=0, atol=1e-8)


@pytest.mark.oracle("l2")
def test_decay_is_what_adamw_does_beside_its_step():
    w = nn.Parameter(torch.randn(5, dtype=torch.float64))
    expected = decay(w.detach(), lr=0.1, weight_decay=0.3)
    w.grad = torch.zeros_like(w)
    torch.optim.AdamW([w], lr=0.1, weight_decay=0.3).step()
    torch.testing.assert_close(w.detach(), expected, rtol=0, atol=1e-12)


def trained(make, *, form):
    torch.manual_seed(0)
    x, y = torch.randn(30, 4, dtype=torch.float64), torch.randn(30, dtype=torch.float64)
    x[:, 0] *= 10  # one weight with large gradients
    w = nn.Parameter(torch.ones(4, dtype=torch.float64))
    optimizer = make([w], lr=0.005)
    for _ in range(50):
        optimizer.zero_grad()
        loss = (x @ w - y).square().mean()
        if form == "loss":
            loss = loss + l2(w, weight=0.5)
        loss.backward()
        before = copy.deepcopy(w.detach())
        optimizer.step()
        if form == "decoupled":
            w.data += decay(before, lr=0.005, weight_decay=1.0) - before
    return w.detach()


@pytest.mark.law("l2")
def test_one_for_plain_descent_and_two_for_adam():
    plain = [trained(torch.optim.SGD, form=form) for form in ("loss", "decoupled")]
    torch.testing.assert_close(plain[0], plain[1], rtol=0, atol=1e-12)
    adam = [trained(torch.optim.Adam, form=form) for form in ("loss", "decoupled")]
    assert (adam[0] - adam[1]).abs().max() > 0.01
