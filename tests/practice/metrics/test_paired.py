import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.practice.metrics.influence import skewed
from cartograd.practice.metrics.paired import difference, doubted, mcnemar


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (5, 5), (9, 1), (40, 70), (3, 300)])
def test_mcnemar_is_the_exact_binomial_test(first, second):
    scipy = pytest.importorskip("scipy.stats")
    expected = scipy.binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-10)
    assert mcnemar(second, first) == mcnemar(first, second)


def test_mcnemar_of_many_examples_neither_over_nor_underflows():
    assert 0.9 < mcnemar(50_000, 50_000) <= 1.0
    assert mcnemar(0, 5000) >= 0.0


def test_a_negative_count_is_refused():
    with pytest.raises(UsageError, match="at least 0"):
        mcnemar(-1, 3)


def test_a_paired_interval_sees_what_two_intervals_do_not():
    """The same hard examples for both: the difference is small and certain."""
    y = torch.zeros(300, dtype=torch.int64)
    hard = torch.randn(300, generator=torch.Generator().manual_seed(0)).double()
    first = torch.stack([hard, torch.zeros(300).double()], 1)
    second = torch.stack([hard + 0.1, torch.zeros(300).double()], 1)
    low, high = difference(build("nll"), first, second, y)
    assert low < high < 0
    assert high - low < 0.02
    same = difference(build("nll"), first, first, y)
    assert same == (0.0, 0.0)


def test_few_disagreements_leave_doubt():
    """Bonett and Price: one imagined example each way, so that none at all is not certainty."""
    y = torch.zeros(100, dtype=torch.int64)
    right, wrong = torch.eye(2).double()
    first, second = (right.repeat(100, 1) for _ in range(2))
    first[:3] = wrong
    b, c, n = 4 / 102, 1 / 102, 102
    error = ((b + c - (b - c) ** 2) / n) ** 0.5
    expected = (b - c - 1.959964 * error, b - c + 1.959964 * error)
    assert difference(build("accuracy"), first, second, y) == pytest.approx(expected, abs=1e-6)
    low, high = difference(build("accuracy"), first, first, y)
    assert -high == pytest.approx(low)
    assert 0.01 < high < 0.04


def test_a_function_of_your_own_is_drawn_in_pairs():
    y = torch.zeros(50, 1).double()
    first = torch.randn(50, 1, generator=torch.Generator().manual_seed(0)).double()
    low, high = difference(lambda o, t: float((o - t).mean()), first, first + 0.5, y, resamples=50)
    assert (low, high) == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize("metric", ["accuracy", "nll", "ece"])
def test_the_interval_holds_the_true_difference_as_often_as_it_says(metric):
    """Two models whose answers differ by chance: the true difference is 0."""
    inside = 0
    for seed in range(150):
        draw = torch.Generator().manual_seed(seed)
        known, *off = torch.randn(3, 80, 3, generator=draw).double()
        y = torch.multinomial((2 * known).softmax(1), 1, generator=draw)[:, 0]
        low, high = difference(build(metric), *(2 * known + one for one in off), y)
        inside += low <= 0.0 <= high
    assert inside / 150 >= 0.93 - 2 * 0.021


def test_roots_are_compared_by_their_squares():
    """The means of the squares, whose interval is known, over the sum of both roots."""
    by = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 40, 1, generator=by).double()
    y = torch.zeros(40, 1).double()
    squares = second.square() - first.square()
    value = squares.mean().item()
    both = sum(one.square().mean().sqrt().item() for one in (first, second))
    low, high = skewed(value, squares[:, 0] - value)
    found = difference(build("rmse"), first, second, y)
    assert found == pytest.approx((low / both, high / both), abs=1e-12)
    assert difference(build("rmse"), first, -first, y) == (0.0, 0.0)


def test_what_makes_a_difference_doubtful_is_said():
    by = torch.Generator().manual_seed(0)
    first, second = torch.rand(2, 40, 1, generator=by).double()
    y = torch.zeros(40, 1).double()
    rmse = build("rmse")
    assert doubted(rmse, first, second, y)[1] == ""
    assert doubted(rmse, first[:20], second[:20], y[:20])[1] == "20 examples, and 30 are the least"
    second[0] = 100.0
    assert doubted(rmse, first, second, y)[1] == "a few examples make most of it"
    assert doubted(rmse, first, first, y)[1] == "the examples do not differ"
    own = doubted(lambda o, t: float((o - t).mean()), first, second, y, resamples=20)
    assert own[1].startswith("examples drawn again")
    few = torch.zeros(10, dtype=torch.int64)
    both = (first[:10].expand(10, 2), second[:10].expand(10, 2))
    assert "10 examples" in doubted(build("accuracy"), *both, few)[1]
