import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.practice.metrics.paired import difference, mcnemar


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


def test_the_interval_holds_the_true_difference_about_as_often_as_it_says():
    inside = 0
    for seed in range(60):
        draw = torch.Generator().manual_seed(seed)
        y = torch.zeros(200, 1).double()
        first, second = (1.0 + torch.randn(200, 1, generator=draw).double() for _ in range(2))
        low, high = difference(lambda o, t: float((o - t).mean()), first, second, y, resamples=200)
        inside += low <= 0.0 <= high
    assert inside >= 52
