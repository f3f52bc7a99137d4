"""Means of users and items: whoever rates all alike, and whoever is unknown."""

import pytest
import torch

from cartograd.data.dataset.dataset import Split
from cartograd.practice.yardsticks.means import fitted
from tests.conformance.rated import CLICKED, RATED


def test_what_is_a_sum_of_two_is_found_and_the_unknown_are_the_mean():
    x = torch.cartesian_prod(torch.arange(4), torch.arange(5)).float()
    user, item = torch.tensor([0.5, -0.5, 1.0, -1.0]), torch.tensor([2.0, 0, -2, 1, -1])
    targets = (3 + user[x[:, 0].long()] + item[x[:, 1].long()])[:, None]
    train = Split(x.repeat(99, 1), targets.repeat(99, 1), RATED)
    answer = fitted(train, train)
    asked = Split(torch.tensor([[4.0, 5.0], [0.0, 5.0], [2.0, 0.0]]), torch.zeros(3, 1), RATED)
    assert answer(asked).flatten().tolist() == pytest.approx([3.0, 3.5, 6.0], abs=0.03)


def test_of_clicks_they_are_shares_and_the_answers_their_logits():
    x = torch.cartesian_prod(torch.arange(4), torch.arange(5)).float()
    taken = (x[:, 1] > 2).long()  # the last two films, by everybody
    train = Split(x.repeat(99, 1), taken.repeat(99), CLICKED)
    logits = fitted(train, train)(Split(x, taken, CLICKED))
    assert torch.equal(logits[:, 0], torch.zeros(20).double())
    shares = logits.softmax(1)[:, 1]
    assert shares.tolist() == pytest.approx([0.99 if one else 0.01 for one in taken], abs=0.01)
