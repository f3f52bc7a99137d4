"""In-batch softmax: of all items once it is their cross-entropy, and popular ones are corrected."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cartograd.architectures.recommend.matrix_factorisation import MatrixFactorisation
from cartograd.core.errors import UsageError
from cartograd.training.objectives.in_batch_softmax import InBatchSoftmax

USERS, ITEMS = torch.tensor([[0.0], [1], [0], [2], [1]]).double(), torch.tensor([3, 1, 0, 4, 2])


def model():
    torch.manual_seed(0)
    made = MatrixFactorisation(users=3, classes=5, factors=2).double()
    nn.init.normal_(made.item.weight), nn.init.normal_(made.user.weight)
    return made


@pytest.mark.law("in-batch-softmax")
def test_with_each_item_once_it_is_the_cross_entropy_of_all():
    net = model()
    found = next(InBatchSoftmax(model=net, weight=0).losses((USERS, ITEMS))).value
    wanted = F.cross_entropy(net(USERS), ITEMS, reduction="none")
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)
    for part in (net.user.weight, net.item.weight):
        one, two = (torch.autograd.grad(x.sum(), part, retain_graph=True)[0]
                    for x in (found, wanted))  # fmt: skip
        torch.testing.assert_close(one, two, rtol=0, atol=1e-10)
    size = net.user(USERS[:, 0].long()).square().sum(1) + net.item(ITEMS).square().sum(1)
    more = next(InBatchSoftmax(model=net, weight=0.5).losses((USERS, ITEMS))).value
    torch.testing.assert_close(more, found + 0.5 * size, rtol=0, atol=1e-10)


@pytest.mark.law("in-batch-softmax")
def test_an_item_twice_is_told_apart_from_the_others_only():
    net, items = model(), torch.tensor([3, 3, 0])
    objective = InBatchSoftmax(model=net, weight=0)
    found = next(objective.losses((USERS[:3], items))).value
    assert objective.met.tolist() == [1, 0, 0, 2, 0]
    scores = net.train()(USERS[:3])
    right, wrong = scores[0, 3] - math.log(2), scores[0, 0]
    torch.testing.assert_close(found[0], torch.log1p((wrong - right).exp()), rtol=0, atol=1e-10)
    three = torch.stack([scores[2, 0], *[scores[2, 3] - math.log(2)] * 2])
    torch.testing.assert_close(found[2], three.logsumexp(0) - three[0], rtol=0, atol=1e-10)
    objective.eval()
    next(objective.losses((USERS[:1], torch.tensor([2]))))
    assert objective.met.sum() == 3  # validation is not counted


def test_it_needs_rows():
    with pytest.raises(UsageError, match="in-batch-softmax needs a model with rows of users"):
        InBatchSoftmax(model=nn.Linear(1, 5))
