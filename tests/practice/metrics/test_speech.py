"""Equal error rate against scikit-learn's curve; word error rate against all ways of editing."""

import itertools

import numpy as np
import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.practice.metrics import texts
from cartograd.practice.metrics.equal_error_rate import equal_error_rate
from cartograd.practice.metrics.interval import interval
from cartograd.practice.metrics.label_error_rate import label_error_rate, parts
from cartograd.practice.metrics.proportion import exact
from cartograd.practice.metrics.word_error_rate import edits, word_error_rate
from tests.reference import Reference

sk = Reference("sklearn.metrics")
optimize = Reference("scipy.optimize")


def root(targets, score):
    false, found, _ = sk.roc_curve(targets, score, drop_intermediate=False)
    return optimize.brentq(lambda x: x - 1 + np.interp(x, false, found), 0, 1, xtol=1e-14)


def examples(seed, *, ties=False):
    draw = np.random.default_rng(seed)
    targets = draw.integers(0, 2, 301)
    score = draw.normal(size=301) + 1.3 * targets
    return torch.from_numpy(score.round(1) if ties else score), torch.from_numpy(targets)


@pytest.mark.oracle("equal-error-rate")
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_where_the_errors_are_equal(seed, ties):
    score, targets = examples(seed, ties=ties)
    expected = root(targets.numpy(), score.numpy())
    assert equal_error_rate(score, targets) == pytest.approx(expected, abs=1e-10)


@pytest.mark.law("equal-error-rate")
def test_only_the_order_counts():
    score, targets = examples(0)
    rate = equal_error_rate(score, targets)
    assert equal_error_rate(score.exp() - 3, targets) == pytest.approx(rate, abs=1e-12)
    assert equal_error_rate(-score, targets) == pytest.approx(1 - rate, abs=1e-12)
    assert equal_error_rate(targets.double(), targets) == 0
    assert equal_error_rate(-targets.double(), targets) == 1


def test_one_class_is_nothing_to_tell_apart():
    with pytest.raises(UsageError, match="needs examples of two classes"):
        equal_error_rate(torch.rand(4), torch.ones(4, dtype=torch.int64))


def tried(a, b):
    """The fewest edits, by trying all."""
    if not a or not b:
        return len(a) + len(b)
    return min(
        tried(a[1:], b) + 1, tried(a, b[1:]) + 1, tried(a[1:], b[1:]) + (a[0] != b[0])
    )  # fmt: skip


@pytest.mark.law("label-error-rate")
def test_labels_that_are_read_wrongly():
    paths = torch.tensor([[1, 1, 0, 1], [2, 3, 3, 0], [0, 0, 0, 0]])
    outputs = torch.nn.functional.one_hot(paths, 4).double()
    targets = torch.tensor([[1, 1, -100], [3, -100, -100], [2, 2, 2]])
    assert label_error_rate(outputs, targets) == pytest.approx((0 + 1 + 3) / 6)
    assert label_error_rate(outputs, targets.clamp(min=-1)) == pytest.approx(4 / 6)
    assert parts(outputs, targets).tolist() == [[0, 2], [1, 1], [3, 3]]
    with pytest.raises(UsageError, match="do not belong together"):
        label_error_rate(outputs, targets[:2])


@pytest.mark.law("word-error-rate")
def test_the_fewest_edits():
    words = ["".join(w) for n in range(5) for w in itertools.product("ab", repeat=n)]
    found = {(a, b): edits(a, b) for a in words for b in words}
    assert all(count == tried(a, b) for (a, b), count in found.items() if len(a + b) < 8)
    assert all(count == found[b, a] for (a, b), count in found.items())
    assert all(count == 0 for (a, b), count in found.items() if a == b)
    short = [word for word in words if len(word) < 4]
    for a, b, c in itertools.product(short, repeat=3):
        assert found[a, c] <= found[a, b] + found[b, c]


@pytest.mark.law("word-error-rate")
def test_known_cases():
    assert word_error_rate(["Hello, World!"], ["hello world"]) == 0
    assert word_error_rate(["Hello, World!"], ["hello world"], strict=True) == 1
    assert word_error_rate(["a b c", "x"], ["a c", "y z"]) == pytest.approx(3 / 4)
    assert word_error_rate([""], ["one two"]) == 1
    assert word_error_rate(["don\u2019t"], ["don't"]) == 0
    characters = build("character-error-rate")
    assert characters(["kitten"], ["sitting"]) == pytest.approx(3 / 7)
    with pytest.raises(UsageError, match="2 texts were written and 1 expected"):
        word_error_rate(["a", "b"], ["a"])


def test_its_interval_holds_it():
    expected = ["one two three", "four five", "six", "seven eight nine ten"] * 5
    written = ["one two", "four five", "sax", "seven eight nine ten"] * 5
    rate = word_error_rate(written, expected)
    low, high = texts.interval("word-error-rate", written, expected)
    assert 0 < low < rate < high < 1


def test_the_interval_of_the_equal_error_rate_is_from_both_errors():
    """Of alike classes the parts are halves; of one class of few examples that one is wide."""
    by = torch.Generator().manual_seed(0)
    score = torch.randn(2000, generator=by)
    targets = (torch.arange(2000) % 2).long()
    score += 1.5 * targets
    rate = equal_error_rate(score, targets)
    low, high = interval("equal-error-rate", score, targets)
    ends = torch.tensor(exact(1000 * rate, 1000)).double()
    halves = (ends - rate).abs() / 2**0.5
    assert torch.allclose(torch.tensor([rate - low, high - rate]).double(), halves, rtol=0.25)
    rare = torch.cat([torch.arange(0, 2000, 2), torch.arange(1, 41, 2)])
    fewer = interval("equal-error-rate", score[rare], targets[rare])
    assert fewer[1] - fewer[0] > 3 * (high - low)
    perfect = interval("equal-error-rate", targets.double(), targets)
    assert perfect[0] == 0
    assert 0 < perfect[1] < 0.01
