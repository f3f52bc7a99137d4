"""Factorisation: each row is that of ridge regression on the others, given the others."""

import pytest
import torch
from torch import nn

from cartograd.architectures.recommend.matrix_factorisation import MatrixFactorisation
from cartograd.core.errors import UsageError
from cartograd.training.objectives.factorise import Factorise


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


def test_it_needs_rows():
    with pytest.raises(UsageError, match="needs a model with rows of users and items"):
        Factorise(model=nn.Linear(2, 1))
