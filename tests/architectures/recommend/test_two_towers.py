"""Two towers: torch's weighted bags, nobody's past is no past, and what comes next is told."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cartograd.architectures.recommend.two_towers import TwoTowers
from cartograd.training.objectives.in_batch_softmax import InBatchSoftmax

PAST = torch.tensor([[0, 3, 1], [2, 4, 5], [3, 5, 5]])
"""Two histories that end early; 5 is nothing, 3 is who is new."""


def small():
    torch.manual_seed(0)
    model = TwoTowers(users=3, classes=5, history=2, dim=4, dropout=0).double()
    for part in (model.item.weight, model.taken.weight):
        nn.init.normal_(part[:-1])
    nn.init.normal_(model.age)
    return model


@pytest.mark.oracle("two-towers")
def test_a_history_is_torchs_weighted_bag():
    model = small()
    found = model(PAST.double())
    there = [[0, 1], [0], []]
    shares = torch.cat([torch.softmax(model.age[ages], 0) for ages in there])
    names = torch.cat([PAST[row, 1:][ages] for row, ages in enumerate(there)])
    bag = F.embedding_bag(
        names, model.taken.weight, torch.tensor([0, 2, 3]), mode="sum", per_sample_weights=shares
    )
    item = model.item.weight[:-1]
    wanted = (model.user(PAST[:, 0]) + bag) @ item[:, 1:].T + item[:, 0]
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)
    slopes = [
        torch.autograd.grad(one.square().sum(), [model.age, model.taken.weight], retain_graph=True)
        for one in (found, wanted)
    ]
    for own, other in zip(*slopes, strict=True):
        own, other = own[:5], other[:5]  # the row of nothing never learns
        torch.testing.assert_close(own, other, rtol=0, atol=1e-10)


@pytest.mark.law("two-towers")
def test_who_is_new_is_answered_by_their_history_and_nothing_taken_is_shown():
    model = small()
    new = model(torch.tensor([[3, 5, 5], [3, 2, 5], [9, 2, 7]]).double())
    torch.testing.assert_close(new[0], model.item.weight[:-1, 0], rtol=0, atol=0)
    assert not torch.equal(new[0], new[1])
    torch.testing.assert_close(new[1], new[2], rtol=0, atol=0)
    user, item = model.rows(torch.tensor([[0, 3, 1, 4]]).double())
    score = (user[:, 1:] * item[:, 1:]).sum(1) + item[:, 0]
    torch.testing.assert_close(score, model(PAST.double())[0, 4:5], rtol=0, atol=1e-12)
    model.saw(torch.tensor([[0.0, 5, 5]]), torch.tensor([2]))
    shown = model.eval()(PAST.double()).isfinite()
    assert shown.tolist() == [
        [True, False, False, False, True], [True, True, True, True, False], [True] * 5,
    ]  # fmt: skip


@pytest.mark.law("two-towers")
def test_what_comes_next_is_told_by_what_was_taken_last():
    draw = torch.Generator().manual_seed(0)
    last = torch.randint(12, (256,), generator=draw)
    users = torch.randint(8, (256,), generator=draw)
    x = torch.stack([users, last], 1).float()

    def hits(history):
        torch.manual_seed(0)
        model = TwoTowers(users=8, classes=12, history=history, dim=8)
        objective = InBatchSoftmax(model=model)
        learn = torch.optim.Adam(model.parameters(), 0.05)
        for _ in range(60):
            learn.zero_grad()
            next(objective.losses((x[:, : 1 + history], (last + 1) % 12))).value.mean().backward()
            learn.step()
        model.seen.zero_()  # they go round and round
        best = model.eval()(x[:, : 1 + history]).argmax(1)
        return float((best == (last + 1) % 12).double().mean())

    assert hits(1) > 0.95
    assert hits(0) < 0.3
