import contextlib
import functools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from cartograd.core import registry
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.practice.metrics.accuracy import accuracy
from cartograd.practice.metrics.influence import of_examples, skewed
from cartograd.practice.metrics.interval import doubted, interval, twin, wilson
from cartograd.practice.metrics.proportion import exact
from tests.practice.metrics import boxes
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


@given(st.integers(1, 5000), st.floats(0, 1), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_the_exact_interval_is_scipys(trials, share, level):
    successes = round(share * trials)
    expected = stats.binomtest(successes, trials).proportion_ci(level, method="exact")
    assert exact(successes, trials, level=level) == pytest.approx(tuple(expected), abs=1e-9)


def test_the_exact_interval_holds_every_proportion_as_often_as_it_states():
    """Wilson's does on average over the proportions, and is far off near the ends."""
    trials, p = 30, np.linspace(0.001, 0.999, 999)
    chance = stats.binom.pmf(np.arange(trials + 1)[:, None], trials, p)

    def least(make):
        low, high = np.array([make(k, trials) for k in range(trials + 1)]).T[..., None]
        return (chance * ((low <= p) & (p <= high))).sum(0).min()

    assert least(exact) >= 0.95
    assert least(wilson) < 0.88
    assert exact(0, 0) == (0, 1)
    with pytest.raises(UsageError, match="5 successes of 4 trials"):
        exact(5, 4)


def test_which_interval():
    outputs, targets = labelled(k=2)
    right = int((outputs.argmax(1) == targets).sum())
    assert interval("accuracy", outputs, targets) == exact(right, 200)
    assert interval(accuracy, outputs, targets, level=0.5) == exact(right, 200, level=0.5)
    top = functools.partial(accuracy, k=2)
    assert interval(top, outputs, targets) == exact(200, 200)
    found = int(((outputs.argmax(1) == 1) & (targets == 1)).sum())
    taken, actual = int(outputs.argmax(1).sum()), int(targets.sum())
    assert interval("recall:average=binary", outputs, targets) == exact(found, actual)
    assert interval("precision:average=binary", outputs, targets) == exact(found, taken)
    assert interval("precision:average=micro", outputs, targets) == exact(right, 200)
    assert interval("recall:average=weighted", outputs, targets) == exact(right, 200)
    both = exact(found, taken + actual - found)  # F1 is 2 J / (1 + J) of their share J
    assert interval("f1", outputs, targets) == tuple(2 * end / (1 + end) for end in both)
    with pytest.raises(UsageError, match="did you mean 'accuracy'"):
        interval("akkuracy", outputs, targets)


def test_the_mean_over_classes_is_as_far_as_the_classes_make_it():
    """Of two classes of recall 30 / 40 and 2 / 3 the second is nearly all of the doubt."""
    targets = torch.tensor([0] * 40 + [1] * 3)
    said = targets.clone()
    said[[*range(10), 41]] = 1 - said[[*range(10), 41]]
    low, high = interval("recall:average=macro", torch.eye(2)[said], targets)
    ends = np.array([exact(30, 40), exact(2, 3)]) - np.array([[30 / 40], [2 / 3]])
    mean = (30 / 40 + 2 / 3) / 2
    assert low == pytest.approx(mean - np.hypot(*ends[:, 0]) / 2)
    assert high == pytest.approx(mean + np.hypot(*ends[:, 1]) / 2)


def test_labels_of_the_same_examples_count_together():
    """Two labels that are always alike leave as much doubt as one; apart they would leave less."""
    true = torch.tensor([[1, 1]] * 20 + [[0, 0]] * 20)
    said = true.clone()
    said[:6] = 0
    outputs = 2.0 * said - 1
    low, high = interval("recall:average=macro", outputs, true)
    assert (low, high) == pytest.approx(exact(14, 20))
    said[:6, 1], said[6:12, 1] = 1, 0
    apart = interval("recall:average=macro", 2.0 * said - 1, true)
    assert apart[1] - apart[0] < 0.8 * (high - low)


def test_losses_that_are_not_skewed_get_students_interval():
    moves = torch.tensor([-2.0, -1.0, 1.0, 2.0] * 10, dtype=torch.float64)
    expected = stats.ttest_1samp(5 + moves.numpy(), 0).confidence_interval(0.9)
    assert skewed(5.0, moves, level=0.9) == pytest.approx(tuple(expected), abs=1e-12)


def test_a_skewed_loss_reaches_further_up_than_down():
    low, high = skewed(1.0, torch.tensor([-0.5] * 36 + [4.5] * 4, dtype=torch.float64))
    assert high - 1 > 1.4 * (1 - low)
    assert skewed(1.0, torch.zeros(9)) == (1.0, 1.0)


def test_which_intervals_are_approximate():
    outputs, targets = labelled(k=2)
    assert doubted("nll", outputs, targets)[1] == ""
    assert doubted("nll", outputs[:20], targets[:20])[1] == "20 examples, and 30 are the least"
    assert doubted("accuracy", outputs[:20], targets[:20])[1] == ""  # exact for every n
    rare = torch.cat([targets.new_zeros(36), targets.new_ones(4)])
    for name in ("equal-error-rate", "roc-auc"):  # which rest on both classes, however many in all
        told = doubted(name, outputs[:40], rare)[1]
        assert told == "a class has 4 examples, and 5 are the least"
        assert doubted(name, outputs[:40], 1 - rare)[1] == told
        assert doubted(name, outputs[:40], torch.cat([rare[:35], 1 - rare[:5]]))[1] == ""
    assert doubted("recall", outputs[:40], rare)[1] == ""
    outputs[0, targets[0]] -= 60
    assert doubted("nll", outputs, targets)[1] == "a few examples make most of it"
    assert "drawn again" in doubted(lambda o, t: float((o[:, 0] > 0).double().mean()), outputs,
                                    targets)[1]  # fmt: skip


def pictured(n):
    """Pictures, and what they should be."""
    generator = torch.Generator().manual_seed(0)
    x, noise = (torch.rand(n, 1, 12, 12, generator=generator, dtype=torch.float64) for _ in "xn")
    return (x + 0.2 * noise).clamp(0, 1), x


def forecast(n):
    """Forecasts of five steps, and values beside those of a season before and their unit."""
    generator = torch.Generator().manual_seed(0)
    said, right = (torch.rand(n, 5, 3, generator=generator, dtype=torch.float64) for _ in "xn")
    return said.sort(2).values, right + 0.1


def detected(n):
    """Boxes found in pictures, and those that are there."""
    found, targets = boxes.drawn(pictures=n, most=3, found=8, ties=False)
    return found.double(), targets


@pytest.mark.parametrize("name", registry.names(kind="metric"))
def test_the_twin_under_weights_is_the_metric_of_repeated_examples(name):
    metric = build(name)
    weighed = twin(metric, "weighed")
    if weighed is None:
        assert name in ("equal-error-rate", "label-error-rate")
        return
    for some in (labelled, measured, pictured, forecast, detected):
        data = some(80)
        with contextlib.suppress(UsageError):
            metric(*data)
            break
    if name in ("ctr", "cvr"):  # of three items all are shown
        data = labelled(80, 30)
    counts = torch.randint(3, (4, 80), generator=torch.Generator().manual_seed(0))
    rows = [torch.arange(80).repeat_interleave(count) for count in counts]
    expected = [metric(*(one[row] for one in data)) for row in rows]
    assert weighed(*data, counts.double()).tolist() == pytest.approx(expected, rel=1e-9)
    moves = of_examples(lambda weights: weighed(*data, weights), 80)
    assert moves.sum().item() == pytest.approx(0, abs=1e-9)  # twice the examples: the same metric
    low, high = interval(metric, *data)
    assert low < metric(*data) < high or name == "ece"


def test_the_seed_decides_and_chunks_do_not(monkeypatch):
    data, metric = labelled(), lambda o, t: float((o.argmax(1) == t).double().mean())
    first = interval(metric, *data, seed=1)
    assert interval(metric, *data, seed=1) == first != interval(metric, *data, seed=2)
    monkeypatch.setattr("cartograd.practice.metrics.interval.CHUNK", 200 * 7)
    assert interval(metric, *data, seed=1) == pytest.approx(first, abs=0.02)
    assert first == pytest.approx(interval("accuracy", *data), abs=0.02)


def test_a_wider_level_is_a_wider_interval():
    data = labelled()
    for metric in ("accuracy", "nll", "roc-auc", "f1", "ece"):
        low, high = zip(*(interval(metric, *data, level=v) for v in (0.5, 0.9, 0.99)), strict=True)
        assert low[0] > low[1] > low[2] or metric == "ece"
        assert high[0] < high[1] < high[2]


def test_the_area_of_one_example_of_a_class_is_nearly_anywhere():
    outputs, targets = torch.randn(12, 2), torch.tensor([1] + [0] * 11)
    low, high = interval("roc-auc", outputs, targets)
    assert 0 <= low <= high <= 1
    assert high - low > 0.5


def test_a_perfect_sample_leaves_doubt():
    targets = torch.tensor([0, 1, 2] * 10)
    outputs = 9.0 * torch.eye(3)[targets]
    for metric in ("accuracy", "recall", "precision", "f1", "roc-auc"):
        low, high = interval(metric, outputs, targets)
        assert (0.8 < low < 0.96, high) == (True, 1.0)


def coverage(metric, truth, draw, repeats):
    """How often the 95 % interval holds the true value."""
    ends = (interval(metric, *draw(seed)) for seed in range(repeats))
    return sum(low <= truth <= high for low, high in ends) / repeats


@pytest.mark.parametrize("metric", ["nll", "ece", "roc-auc", "f1:average=macro"])
def test_intervals_of_sixty_examples_hold_what_they_state(metric):
    """As in docs/results/intervals.md, with fewer repeats: two of their errors below 0.93."""

    def draw(seed, n=60):
        generator = torch.Generator().manual_seed(seed)
        outputs = 2 * torch.randn(n, 4, generator=generator, dtype=torch.float64)
        answers = torch.multinomial(outputs.softmax(1), 1, generator=generator)[:, 0]
        return 2 * outputs, answers

    truth = build(metric)(*draw(9999, 200_000))
    assert coverage(metric, truth, draw, 200) >= 0.93 - 2 * 0.018


def test_intervals_of_errors_hold_what_they_state():
    draw = functools.partial(measured, 60)
    truths = {"mae": np.sqrt(2 / np.pi), "rmse": 1.0, "r2": 1 - 12}
    for metric, truth in truths.items():
        assert coverage(metric, truth, draw, 200) >= 0.93 - 2 * 0.018


def test_weights_that_are_of_a_sample_make_a_mean_over_classes_less_sure():
    """Classes of equal F1 are as sure as before; where they differ, Student's reach is added."""
    targets = torch.tensor([0] * 90 + [1] * 10)
    said = targets.clone()
    said[:5], said[90:97] = 1, 0
    outputs = F.one_hot(said, 2).double()
    weights = torch.tensor([0.9, 0.1]).double()
    shares = torch.tensor([2 * 85 / 182, 2 * 3 / 18]).double()
    mean = (weights @ shares).item()
    spread = (weights @ (shares - mean).square()).sqrt().item()
    reach = 1.9842 * spread / 10
    low, high = interval("f1:average=weighted", outputs, targets)
    assert build("f1:average=weighted", kind="metric")(outputs, targets) == pytest.approx(mean)
    ends = [[2 * end / (1 + end) for end in exact(*pair)] for pair in ((85, 97), (3, 15))]
    down, up = (
        [w * abs(f - end[side]) for w, f, end in zip(weights, shares, ends, strict=True)]
        for side in (0, 1)
    )
    for parts, side in ((down, mean - low), (up, high - mean)):
        assert math.hypot(*parts) + reach - 1e-3 < side < sum(parts) + reach + 1e-3
