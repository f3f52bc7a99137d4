"""Factorisation: each row is that of ridge regression on the others, given the others."""

import pytest
import torch
from torch import nn

from cartograd.architectures.recommend.matrix_factorisation import MatrixFactorisation
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.training.objectives.factorise import Factorise
from tests.conformance.rated import CLICKED


@pytest.mark.law("factorise")
def test_at_a_minimum_a_user_is_ridge_regression_on_what_they_rated():
    torch.manual_seed(0)
    model = MatrixFactorisation(users=3, items=6, factors=2).double()
    nn.init.normal_(model.item.weight)
    x = torch.tensor([[0, 0], [0, 1], [0, 4], [1, 2], [1, 3], [1, 5], [1, 0], [2, 1]]).double()
    targets = torch.randn(8, 1, dtype=torch.float64)
    objective = Factorise(model=model, weight=0.2, bias_weight=0.5)
    learn = torch.optim.LBFGS([model.user.weight], max_iter=200, line_search_fn="strong_wolfe",
                              tolerance_grad=1e-12, tolerance_change=1e-14)  # fmt: skip

    def closure():
        learn.zero_grad()
        loss = next(objective.losses((x, targets))).value.sum()
        loss.backward()
        return loss

    learn.step(closure)
    for user in range(3):
        own = x[:, 0] == user
        item = model.item.weight.detach()[x[own, 1].long()]
        known = torch.cat([torch.ones(len(item), 1), item[:, 1:]], 1).double()
        left = targets[own] - item[:, :1]
        ridge = known.T @ known + 0.2 * len(item) * torch.diag(torch.tensor([0.5, 1, 1])).double()
        wanted = torch.linalg.solve(ridge, known.T @ left)[:, 0]
        torch.testing.assert_close(model.user.weight[user].detach(), wanted, rtol=0, atol=1e-6)


@pytest.mark.law("factorise")
def test_of_clicks_the_mean_probability_is_their_share():
    """As in logistic regression, whose intercept nothing holds back."""
    torch.manual_seed(0)
    model = MatrixFactorisation(users=4, items=5, factors=2, classes=2)
    signed = Signed(model, CLICKED).double()
    x = torch.cartesian_prod(torch.arange(4), torch.arange(5)).double()
    targets = (x.sum(1) % 3 == 0).long()
    objective = Factorise(model=signed, weight=0.1)
    assert objective.measured_by == ("accuracy",)
    learn = torch.optim.LBFGS(model.parameters(), max_iter=300, line_search_fn="strong_wolfe",
                              tolerance_grad=1e-10, tolerance_change=1e-14)  # fmt: skip

    def closure():
        learn.zero_grad()
        loss = next(objective.losses((x, targets))).value.sum()
        loss.backward()
        return loss

    learn.step(closure)
    chances = signed(x).softmax(1)[:, 1].detach()
    assert float(chances.mean()) == pytest.approx(float(targets.double().mean()), abs=1e-6)
    assert float(chances.std()) > 0.01
    found = torch.nn.functional.cross_entropy(signed(x), targets, reduction="none")
    torch.testing.assert_close(objective.validate((x, targets))["loss"], found)


def test_it_needs_rows():
    with pytest.raises(UsageError, match="needs a model with rows of users and items"):
        Factorise(model=nn.Linear(2, 1))
