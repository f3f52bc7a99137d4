import math

import pytest
import torch
from sklearn.metrics import roc_auc_score, roc_curve
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.frontier.privacy.membership import membership, scores


def drawn(shift, count=500, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(count, generator=draw) + shift, torch.randn(count, generator=draw)


@pytest.mark.place("privacy/membership-inference")
@pytest.mark.oracle("dp-sgd")
def test_areas_and_hits_are_those_of_scikit_learn():
    members, others = drawn(0.8)
    found = membership(members, others)
    there = [1] * 500 + [0] * 500
    both = torch.cat([members, others]).numpy()
    assert found.auc == pytest.approx(roc_auc_score(there, both), abs=1e-9)
    assert found.low < found.auc < found.high
    alarms, hits, _ = roc_curve(there, both, drop_intermediate=False)
    for rate, share in found.hits.items():
        assert share == pytest.approx(hits[alarms <= rate].max(), abs=1e-9)


@pytest.mark.law("dp-sgd")
def test_of_like_scores_nothing_is_told():
    bounds = [membership(*drawn(0.0, seed=seed)) for seed in range(20)]
    assert sum(one.epsilon > 0 for one in bounds) <= 1
    assert sum(one.low <= 0.5 <= one.high for one in bounds) >= 18
    alike = torch.zeros(10)
    assert membership(alike, alike).auc == 0.5


@pytest.mark.law("dp-sgd")
@pytest.mark.parametrize("eps", [0.5, 2.0])
def test_the_bound_stays_under_the_eps_of_randomised_response_and_nears_it(eps):
    """A bit that is told truly with chance e^eps / (1 + e^eps) has that eps, no less."""
    honest, found = math.exp(eps) / (1 + math.exp(eps)), []
    for seed in range(20):
        draw = torch.Generator().manual_seed(seed)
        told = (torch.rand(20_000, generator=draw) < honest).double()
        other = (torch.rand(20_000, generator=draw) > honest).double()
        found.append(membership(told, other).epsilon)
    assert sum(bound > eps for bound in found) <= 2
    assert min(found) > 0.8 * eps


def test_delta_is_taken_off_and_both_directions_count():
    sure = torch.cat([torch.zeros(900), torch.ones(100)])
    assert membership(sure, torch.zeros(1000)).epsilon > 2
    assert membership(sure, torch.zeros(1000), delta=0.2).epsilon == 0
    assert membership(torch.ones(1000), 1 - sure).epsilon > 1  # who is unsure was not there


def test_scores_are_log_odds_of_the_right_answer_and_leave_the_model_as_it_was():
    model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5)).train()
    x, y = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
    found = scores(model, x, y)
    share = model[0](x).double().softmax(1).gather(1, y[:, None])[:, 0]
    torch.testing.assert_close(found, (share / (1 - share)).log(), rtol=1e-5, atol=1e-5)
    assert model.training
    assert all(weight.grad is None for weight in model.parameters())


def test_scores_that_say_nothing_are_refused():
    with pytest.raises(UsageError, match="expected two of each"):
        membership(torch.zeros(1), torch.zeros(5))
    with pytest.raises(UsageError, match="all finite"):
        membership(torch.tensor([0.0, math.nan]), torch.zeros(5))
