"""BPR: the order of what was taken and what was not, and two tastes told apart."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cartograd.architectures.recommend.matrix_factorisation import MatrixFactorisation
from cartograd.core.errors import UsageError
from cartograd.training.objectives.bpr import BPR


@pytest.mark.law("bpr")
def test_it_is_the_order_against_the_one_item_that_was_not_taken():
    torch.manual_seed(0)
    model = MatrixFactorisation(users=2, classes=3, factors=2).double()
    nn.init.normal_(model.item.weight), nn.init.normal_(model.user.weight)
    users, items = torch.arange(2)[:, None].double(), torch.tensor([0, 2])
    model.saw(users, torch.tensor([1, 1]))  # what is left: item 2, item 0
    objective = BPR(model=model, weight=0)
    found = []
    for seed in range(12):
        torch.manual_seed(seed)
        found.append(next(objective.losses((users, items))).value)
    scores = model.train()(users)
    wanted = F.softplus(scores[[0, 1], [2, 0]] - scores[[0, 1], [0, 2]])
    drawn = torch.stack(found)
    for user in range(2):
        of_it = drawn[:, user][drawn[:, user] > 0]
        assert 0 < len(of_it) < 12  # the others drew what was taken
        torch.testing.assert_close(of_it, wanted[user].expand_as(of_it), rtol=0, atol=1e-10)


@pytest.mark.law("bpr")
def test_two_tastes_are_told_apart():
    torch.manual_seed(0)
    model = MatrixFactorisation(users=10, classes=12, factors=4)
    draw = torch.Generator().manual_seed(0)
    users = torch.arange(10).repeat(20)
    items = 2 * torch.randint(6, (200,), generator=draw) + users % 2
    objective = BPR(model=model)
    learn = torch.optim.Adam(model.parameters(), 0.05)
    for seed in range(60):
        torch.manual_seed(seed)
        learn.zero_grad()
        next(objective.losses((users[:, None].float(), items))).value.mean().backward()
        learn.step()
    scores = model.train()(torch.arange(10)[:, None].float())
    first = scores.argsort(1, descending=True)[:, :6] % 2
    assert (first == (torch.arange(10) % 2)[:, None]).double().mean() > 0.9
    loss = objective.validate((users[:1, None].float(), items[:1]))["loss"]
    assert 0 < loss.item() < 0.4


def test_it_needs_rows():
    with pytest.raises(UsageError, match="bpr needs a model with rows of users and items"):
        BPR(model=nn.Linear(1, 5))
