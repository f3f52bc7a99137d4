import functools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cartograd.core import registry
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.practice.metrics.accuracy import accuracy
from cartograd.practice.metrics.interval import bootstrap, interval, wilson
from tests.reference import Reference

stats = Reference("scipy.stats")


def labelled(n=200, k=3, seed=0):
    draw = torch.Generator().manual_seed(seed)
    targets = torch.randint(k, (n,), generator=draw)
    outputs = torch.randn(n, k, generator=draw)
    outputs[torch.arange(n), targets] += 1
    return outputs, targets


def measured(n=200, seed=0):
    draw = torch.Generator().manual_seed(seed)
    targets = 3 + torch.rand(n, generator=draw)
    return targets + torch.randn(n, generator=draw), targets


@given(st.integers(1, 5000), st.floats(0, 1), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_wilson_is_scipys(trials, share, level):
    successes = round(share * trials)
    expected = stats.binomtest(successes, trials).proportion_ci(level, method="wilson")
    assert wilson(successes, trials, level=level) == pytest.approx(tuple(expected), abs=1e-12)


def test_wilson_at_the_ends():
    assert wilson(0, 20)[0] == 0
    assert wilson(20, 20)[1] == 1
    assert wilson(0, 0) == (0, 1)
    with pytest.raises(UsageError, match="5 successes of 4 trials"):
        wilson(5, 4)


def test_which_interval():
    outputs, targets = labelled(k=2)
    right = int((outputs.argmax(1) == targets).sum())
    assert interval("accuracy", outputs, targets) == wilson(right, 200)
    assert interval(accuracy, outputs, targets, level=0.5) == wilson(right, 200, level=0.5)
    top = functools.partial(accuracy, k=2)
    assert interval(top, outputs, targets) == wilson(200, 200)
    found = int(((outputs.argmax(1) == 1) & (targets == 1)).sum())
    assert interval("recall:average=binary", outputs, targets) == wilson(found, int(targets.sum()))
    assert interval("precision:average=binary", outputs, targets) == wilson(
        found, int(outputs.argmax(1).sum())
    )
    assert interval("precision:average=micro", outputs, targets) == wilson(right, 200)
    assert interval("f1", outputs, targets) == bootstrap(build("f1"), outputs, targets)
    with pytest.raises(UsageError, match="did you mean 'accuracy'"):
        interval("akkuracy", outputs, targets)


@pytest.mark.parametrize("name", registry.names(kind="metric"))
def test_the_twin_under_weights_is_the_metric_of_repeated_examples(name):
    metric = build(name)
    try:
        data = labelled(80)
        metric(*data)
    except UsageError:
        data = measured(80)
    with_twin = bootstrap(metric, *data, resamples=50, seed=3)
    without = bootstrap(
        lambda outputs, targets: metric(outputs, targets), *data, resamples=50, seed=3
    )
    assert with_twin == pytest.approx(without, rel=1e-9)
    assert with_twin[0] < metric(*data) < with_twin[1] or name == "ece"


def test_the_seed_decides_and_chunks_do_not(monkeypatch):
    data = labelled()
    first = interval("f1", *data, seed=1)
    assert interval("f1", *data, seed=1) == first != interval("f1", *data, seed=2)
    monkeypatch.setattr("cartograd.practice.metrics.interval.CHUNK", 200 * 7)
    assert interval("f1", *data, seed=1) == pytest.approx(first, abs=0.02)


def test_a_wider_level_is_a_wider_interval():
    data = labelled()
    for metric in ("accuracy", "nll"):
        low, high = zip(*(interval(metric, *data, level=v) for v in (0.5, 0.9, 0.99)), strict=True)
        assert low[0] > low[1] > low[2]
        assert high[0] < high[1] < high[2]


def test_draws_without_a_class_are_left_out():
    outputs, targets = torch.randn(12, 2), torch.tensor([1] + [0] * 11)
    low, high = interval("roc-auc", outputs, targets)
    assert 0 <= low <= high <= 1


def coverage(metric, truth, draw, repeats=600):
    """How often the 95% interval holds the true value."""
    held = 0
    for seed in range(repeats):
        low, high = interval(metric, *draw(seed), resamples=400, seed=seed)
        held += low <= truth <= high
    return held / repeats


def test_coverage_of_accuracy():
    p = accuracy(*labelled(200_000, seed=99))
    assert 0.93 <= coverage("accuracy", p, lambda seed: labelled(seed=seed), 1500) <= 0.97


@pytest.mark.parametrize("metric", ["mae", "rmse"])
def test_coverage_of_errors(metric):
    truth = {"mae": np.sqrt(2 / np.pi), "rmse": 1.0}[metric]
    assert 0.93 <= coverage(metric, truth, lambda seed: measured(seed=seed)) <= 0.97


@pytest.mark.parametrize("metric", ["nll", "roc-auc", "f1", "brier"])
def test_coverage_of_class_metrics(metric):
    truth = build(metric)(*labelled(400_000, seed=99))
    assert 0.93 <= coverage(metric, truth, lambda seed: labelled(300, seed=seed)) <= 0.97


@pytest.mark.parametrize(("scale", "truth"), [(1.0, 0.0), (2.0, 0.1409)])
def test_coverage_of_the_calibration_error(scale, truth):
    """Its estimate lies above the truth; the plain bootstrap would nearly never hold a 0."""

    def draw(seed):
        generator = torch.Generator().manual_seed(seed)
        outputs = 2 * torch.randn(300, 4, generator=generator, dtype=torch.float64)
        answers = torch.multinomial(outputs.softmax(1), 1, generator=generator)[:, 0]
        return scale * outputs, answers

    assert 0.9 <= coverage("ece", truth, draw, repeats=300) <= 0.99
