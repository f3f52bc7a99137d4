"""NDCG against scikit-learn, and its ties counted one by one."""

import itertools
import math

import numpy as np
import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.practice.metrics.interval import interval
from cartograd.practice.metrics.meter import Meter
from cartograd.practice.metrics.ndcg import each, ndcg
from tests.reference import Reference

sk = Reference("sklearn.metrics")


def drawn(n=40, items=25, *, ties=False, seed=0):
    draw = torch.Generator().manual_seed(seed)
    scores = torch.randn(n, items, generator=draw, dtype=torch.float64)
    relevance = torch.randint(5, (n, items), generator=draw) * (
        torch.rand(n, items, generator=draw) < 0.3
    )
    return scores.round() if ties else scores, relevance


@pytest.mark.oracle("ndcg")
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("k", [1, 10, 25, 100])
def test_ndcg_is_scikit_learns(k, ties):
    scores, relevance = drawn(ties=ties)
    expected = sk.ndcg_score(relevance.numpy(), scores.numpy(), k=k)
    assert ndcg(scores, relevance, k=k) == pytest.approx(expected, abs=1e-12)
    graded = sk.ndcg_score(2.0 ** relevance.numpy() - 1, scores.numpy(), k=k)
    assert ndcg(scores, relevance, k=k, gains="exponential") == pytest.approx(graded, abs=1e-12)


@pytest.mark.law("ndcg")
def test_tied_items_score_the_mean_of_their_orders():
    scores = torch.tensor([[2.0, 1.0, 1.0, 1.0, 0.0]])
    relevance = torch.tensor([[0.0, 3.0, 0.0, 1.0, 2.0]])
    nudges = [
        ndcg(
            scores + torch.tensor([[0.0, *(0.01 * place for place in order), 0.0]]), relevance, k=3
        )
        for order in itertools.permutations(range(3))
    ]
    assert ndcg(scores, relevance, k=3) == pytest.approx(np.mean(nudges), abs=1e-12)


@pytest.mark.law("ndcg")
def test_of_one_relevant_item():
    scores = torch.tensor([[0.1, 0.9, 0.5, float("-inf")]])
    for item, place in ((1, 1), (2, 2), (0, 3), (3, 4)):
        found = ndcg(scores, torch.tensor([item]))
        assert found == pytest.approx(1 / math.log2(place + 1))
        assert ndcg(scores, torch.eye(4)[[item]]) == found
    assert ndcg(scores, torch.zeros(1, 4)) == 0
    assert ndcg(scores, torch.tensor([3]), k=3) == 0


def test_its_interval_and_its_meter():
    scores, relevance = drawn(n=200)
    low, high = interval("ndcg", scores, relevance)
    assert low < ndcg(scores, relevance) < high
    meter = Meter("ndcg:k=5")
    for batch in zip(scores.split(70), relevance.split(70), strict=True):
        meter.update(*batch)
    assert meter.finish() == {"ndcg:k=5": pytest.approx(ndcg(scores, relevance, k=5), abs=1e-12)}
    assert each(scores, relevance).shape == (200,)


@pytest.mark.parametrize(
    ("scores", "relevance", "why"),
    [
        (torch.zeros(2, 3), torch.zeros(2, 4), "do not belong together"),
        (torch.zeros(2, 3), -torch.ones(2, 3), "relevances 0 or more"),
        (torch.full((2, 3), torch.nan), torch.ones(2, 3), "the model has diverged"),
        (torch.zeros(2, 3), torch.tensor([0, 3]), "targets reach from 0 to 3"),
    ],
)
def test_what_cannot_be_ranked_is_refused(scores, relevance, why):
    with pytest.raises(UsageError, match=why):
        ndcg(scores, relevance)


@pytest.mark.untyped
def test_other_gains_are_refused():
    with pytest.raises(
        UsageError, match="unknown gains 'square'; expected one of: exponential, linear"
    ):
        ndcg(torch.zeros(1, 2), torch.ones(1, 2), gains="square")
