"""Tango's interval of the difference of two shares on the same examples."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binom

from cartograd.core.errors import UsageError
from cartograd.practice.metrics.paired_share import bounds, score


@pytest.mark.parametrize("counts", [(7, 3, 50), (2, 9, 80), (1, 1, 40)])
@pytest.mark.parametrize("d", [-0.2, -0.05, 0.02])
def test_the_score_is_that_of_the_likeliest_shares(counts, d):
    """The nuisance share by a search over its likelihood, not by the formula."""
    b, c, n = counts
    least, most = max(0.0, -d) + 1e-9, (1 - d) / 2 - 1e-9

    def unlikely(q):
        return -(b * math.log(q + d) + c * math.log(q) + (n - b - c) * math.log(1 - 2 * q - d))

    q = minimize_scalar(
        unlikely, bounds=(least, most), method="bounded", options={"xatol": 1e-10}
    ).x
    far = b - c - n * d - 0.5
    expected = max(0.0, far) / math.sqrt(n * (2 * q + d * (1 - d)))
    assert score(b, c, n, d) == pytest.approx(expected, rel=1e-4)


def test_exchanging_the_two_exchanges_the_bounds():
    low, high = bounds(9, 4, 120)
    assert bounds(4, 9, 120) == (-high, -low)
    assert low < 5 / 120 < high


def test_more_of_the_same_examples_tell_more():
    ends = [bounds(4 * k, 6 * k, 100 * k) for k in (1, 4, 16)]
    widths = [high - low for low, high in ends]
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize("n", [20, 60, 200])
@pytest.mark.parametrize(
    ("margin", "differing"), [(0.02, 0.03), (0.05, 0.05), (0.05, 0.3), (0.1, 0.2)]
)
def test_a_loss_of_the_margin_passes_in_at_most_one_of_twenty(n, margin, differing):
    """All outcomes summed, none drawn: B loses exactly the margin, and must rarely be let in."""
    second = (differing - margin) / 2 / differing
    passed = 0.0
    for count in range(n + 1):
        chance = binom.pmf(count, n, differing)
        if chance < 1e-7:
            continue
        for only_second in range(count, -1, -1):
            if bounds(only_second, count - only_second, n)[0] <= -margin:
                break
            passed += chance * binom.pmf(only_second, count, second)
    assert passed <= 0.05
    assert passed > 0.01 or n < 200


def test_the_bound_is_not_idle():
    """Where B is as good, enough examples let it in most of the time."""
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(600, [0.05, 0.05, 0.9], size=200)
    let_in = [bounds(int(b), int(c), 600)[0] > -0.05 for b, c, _ in drawn]
    assert np.mean(let_in) > 0.9


@pytest.mark.parametrize("counts", [(-1, 0, 10), (6, 6, 10), (0, 0, 0)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(UsageError, match="expected counts from 0"):
        bounds(*counts)
