"""Ranking: torch's cross-entropy of all items, and what was taken is not shown."""

import pytest
import torch
from torch import nn

from cartograd.architectures.recommend.matrix_factorisation import MatrixFactorisation
from cartograd.core.errors import UsageError
from cartograd.training.objectives.rank_items import RankItems

USERS, ITEMS = torch.tensor([[0.0], [1], [0], [2]]).double(), torch.tensor([3, 1, 0, 4])


@pytest.mark.oracle("rank-items")
def test_it_is_torchs_cross_entropy():
    model = MatrixFactorisation(users=3, classes=5, factors=2).double()
    nn.init.normal_(model.item.weight)
    loss = next(RankItems(model=model, weight=0).losses((USERS, ITEMS))).value.mean()
    own = torch.autograd.grad(loss, model.item.weight)[0]
    other = nn.CrossEntropyLoss()(model(USERS), ITEMS)
    torch.testing.assert_close(loss, other, rtol=0, atol=1e-10)
    theirs = torch.autograd.grad(other, model.item.weight)[0]
    torch.testing.assert_close(own, theirs, rtol=0, atol=1e-10)


@pytest.mark.law("rank-items")
def test_what_was_taken_is_not_shown_and_everything_else_is():
    model = MatrixFactorisation(users=3, classes=5, factors=2).double()
    objective = RankItems(model=model)
    next(objective.losses((USERS, ITEMS)))
    shown = model.eval()(torch.arange(4)[:, None].double()).isfinite()
    hidden = {(0, 3), (0, 0), (1, 1), (2, 4)}
    assert {(u, i) for u in range(4) for i in range(5) if not shown[u, i]} == hidden
    objective.eval()
    next(objective.losses((USERS[:1], torch.tensor([2]))))
    assert model(USERS[:1]).isfinite().sum() == 3  # validation is not noted


def test_it_needs_rows():
    with pytest.raises(UsageError, match="needs a model with rows of users and items"):
        RankItems(model=nn.Linear(1, 5))
