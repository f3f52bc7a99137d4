from functools import partial

import numpy as np
import pytest
import scipy.stats
import torch

from cartograd.core.errors import UsageError
from cartograd.practice.metrics.auc_limits import limits, spread
from cartograd.practice.metrics.influence import of_examples
from cartograd.practice.metrics.roc_auc import _area, log_odds, roc_auc, roc_curve, weighed
from tests.reference import Reference

sk = Reference("sklearn.metrics")


def drawn(n=400, k=2, *, ties=False, seed=0):
    draw = np.random.default_rng(seed)
    targets = torch.from_numpy(draw.integers(0, k, n))
    outputs = torch.from_numpy(draw.normal(size=(n, k)))
    outputs[torch.arange(n), targets] += 1
    return (outputs * 2).round() / 2 if ties else outputs, targets


@pytest.mark.oracle("roc-auc")
@pytest.mark.parametrize("ties", [False, True])
def test_two_classes(ties):
    outputs, targets = drawn(ties=ties)
    score = outputs[:, 1] - outputs[:, 0]
    assert roc_auc(outputs, targets) == pytest.approx(sk.roc_auc_score(targets, score), abs=1e-12)
    w = torch.from_numpy(np.random.default_rng(1).uniform(0, 2, (4, 400)))
    expected = [sk.roc_auc_score(targets, score, sample_weight=row) for row in w]
    np.testing.assert_allclose(weighed(outputs, targets, w), expected, atol=1e-12)


@pytest.mark.oracle("roc-auc")
@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_each_class_against_the_rest(average):
    outputs, targets = drawn(k=5)
    expected = sk.roc_auc_score(targets, outputs.softmax(1), multi_class="ovr", average=average)
    assert roc_auc(outputs, targets, average=average) == pytest.approx(expected, abs=1e-12)


@pytest.mark.oracle("roc-auc")
def test_what_is_tied_stays_tied_among_several_classes():
    _, targets = drawn(k=5)
    outputs = torch.from_numpy(np.random.default_rng(2).integers(0, 2, (400, 5))).double()
    p = outputs.softmax(1).numpy().round(12)
    expected = np.mean([sk.roc_auc_score(targets == k, p[:, k]) for k in range(5)])
    assert roc_auc(outputs, targets) == pytest.approx(expected, abs=1e-12)


@pytest.mark.oracle("roc-auc")
@pytest.mark.parametrize("ties", [False, True])
def test_curve(ties):
    outputs, targets = drawn(ties=ties)
    score = (outputs[:, 1] - outputs[:, 0]).numpy()
    expected = sk.roc_curve(targets, score, drop_intermediate=False)
    for found, wanted in zip(roc_curve(outputs, targets), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-12)
    curve = roc_curve(outputs, targets)
    assert torch.trapezoid(curve.found, curve.false).item() == pytest.approx(
        roc_auc(outputs, targets), abs=1e-12
    )


@pytest.mark.law("roc-auc")
def test_it_is_the_share_of_pairs_in_the_right_order():
    outputs, targets = drawn(n=60, ties=True)
    score = outputs[:, 1] - outputs[:, 0]
    above = score[targets == 1][:, None] - score[targets == 0][None]
    assert roc_auc(outputs, targets) == pytest.approx(
        ((above > 0).double() + (above == 0).double() / 2).mean().item(), abs=1e-12
    )


@pytest.mark.law("roc-auc")
def test_any_increasing_change_of_the_scores_leaves_it():
    outputs, targets = drawn()
    score = outputs[:, 1] - outputs[:, 0]
    assert roc_auc(score, targets) == roc_auc(score**3 * 7 + score, targets)
    assert roc_auc(-score, targets) == pytest.approx(1 - roc_auc(score, targets))


def test_confident_models_keep_their_order():
    score = torch.tensor([40.0, 50.0, 60.0, 70.0])  # probabilities all round to 1
    assert roc_auc(score, torch.tensor([0, 0, 1, 1])) == 1.0
    three = torch.zeros(4, 3)
    three[:, 2] = score
    assert log_odds(three)[:, 2].tolist() == pytest.approx((score - np.log(2)).tolist())
    assert roc_auc(three, torch.tensor([0, 1, 2, 2])) > 0.66


def test_log_odds_are_those_of_the_softmax():
    outputs, _ = drawn(k=5)
    torch.testing.assert_close(
        log_odds(outputs), outputs.softmax(1).logit(), rtol=1e-10, atol=1e-10
    )


def test_a_class_without_examples_is_left_out():
    outputs, targets = drawn(k=4)
    targets = targets.clamp(max=2)
    p = outputs.softmax(1)
    expected = [sk.roc_auc_score(targets == k, p[:, k]) for k in range(3)]
    assert roc_auc(outputs, targets) == pytest.approx(np.mean(expected), abs=1e-12)


def test_one_class_alone_has_no_order():
    with pytest.raises(UsageError, match="all targets are of one class"):
        roc_auc(torch.randn(5, 3), torch.ones(5, dtype=torch.int64))
    with pytest.raises(UsageError, match="needs examples of that class and of others"):
        roc_curve(torch.randn(5, 3), torch.ones(5, dtype=torch.int64), positive=2)


@pytest.mark.parametrize("ties", [False, True])
def test_the_spread_of_few_ranks_is_brunners_and_munzels(ties):
    """Their test against an area of a half has the same standard error and degrees of freedom."""
    outputs, _ = drawn(40, ties=ties)
    score, positive = outputs[:, 1], torch.arange(40) < 6
    area = partial(_area, score, positive)
    moves = of_examples(area, 40)
    error, freedom = spread(moves, positive)
    found = float(area(torch.ones(1, 40, dtype=torch.float64)))
    expected = scipy.stats.brunnermunzel(score[~positive].numpy(), score[positive].numpy())
    assert (found - 0.5) / error == pytest.approx(expected.statistic, abs=1e-9)
    chance = 2 * scipy.stats.t.sf(abs(found - 0.5) / error, freedom)
    assert chance == pytest.approx(expected.pvalue, abs=1e-9)
    low, high = limits(found, moves, positive)
    assert low < found < high
    far = scipy.stats.t.ppf(0.975, freedom) * error / (found * (1 - found))
    assert low <= 1 / (1 + (1 - found) / found * np.exp(far)) + 1e-12
