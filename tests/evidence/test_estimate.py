"""Intervals against scipy, how often they hold the truth, and what they could have seen."""

import math

import numpy as np
import pytest

from cartograd.evidence.estimate import mean, ratio, share
from cartograd.evidence.words import reached
from tests.reference import Reference

reference_scipy = Reference("scipy")

VALUES = [0.3, 0.1, 0.45, 0.2, 0.33]


def test_mean_is_scipys_student_interval():
    found = mean(VALUES)
    low, high = reference_scipy.stats.ttest_1samp(VALUES, 0).confidence_interval(0.95)
    assert found.value == pytest.approx(np.mean(VALUES), abs=1e-14)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)
    assert "Student's t, 95%" in found.method


def test_a_paired_difference_is_scipys_paired_test():
    a, b = np.array(VALUES), np.array([0.1, 0.0, 0.2, 0.25, 0.1])
    low, high = reference_scipy.stats.ttest_rel(a, b).confidence_interval(0.95)
    found = mean((a - b).tolist())
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)


def test_ratio_is_the_mean_of_logarithms():
    found = ratio(VALUES)
    low, high = reference_scipy.stats.ttest_1samp(np.log(VALUES), 0).confidence_interval(0.95)
    assert found.value == pytest.approx(reference_scipy.stats.gmean(VALUES), rel=1e-12)
    assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)), rel=1e-12)


def test_share_is_scipys_wilson_interval():
    low, high = reference_scipy.stats.binomtest(2, 5).proportion_ci(0.95, method="wilson")
    found = share([1, 0, 0, 1, 0])
    assert (found.value, found.low, found.high) == pytest.approx((0.4, low, high), abs=1e-12)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(1.0, 2.0, size=(2000, 5))
    inside = [found.low < 1 < found.high for found in map(mean, draws.tolist())]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)


def test_equal_seeds_have_an_interval_of_no_width():
    found = mean([2.0, 2.0, 2.0])
    assert (found.low, found.high) == (2.0, 2.0)


@pytest.mark.parametrize("n", [3, 5, 20])
def test_an_effect_as_large_as_could_be_seen_is_found_four_times_of_five(n):
    """Of samples whose spread is 1, so that the reach is known before."""
    centre = mean([float(i) for i in range(n)]).reach / (np.std(range(n), ddof=1))
    draws = np.random.default_rng(n).normal(centre, 1.0, size=(4000, n))
    low = draws.mean(1) - reference_scipy.stats.t.ppf(0.975, n - 1) * draws.std(
        1, ddof=1
    ) / math.sqrt(n)
    assert (low > 0).mean() == pytest.approx(0.8, abs=0.02)


def test_the_reach_of_a_ratio_is_a_factor():
    logs = [math.log(value) for value in VALUES]
    assert ratio(VALUES).reach == pytest.approx(math.exp(mean(logs).reach), rel=1e-12)


def test_the_reach_of_a_share_is_what_its_interval_finds():
    reach = share([1] * 12 + [0] * 8, bound=0.5).reach
    hits = np.random.default_rng(0).binomial(20, 0.5 + reach, size=4000)
    stats = reference_scipy.stats
    low = [stats.binomtest(int(h), 20).proportion_ci(0.95, method="wilson").low for h in hits[:800]]
    assert (np.array(low) > 0.5).mean() > 0.77
    assert share([1.0], bound=0.5).reach is None


@pytest.mark.parametrize(
    ("check", "state", "reach", "words"),
    [
        ("mean gain > 0.1", "open", 0.25, "0.25 from 0.1"),
        ("ratio a/b > 1", "open", 1.5, "a factor of 1.5 from 1"),
        ("most gain > 0", "open", 0.3, "0.3 from 0.5"),
        ("share diverged < 0.5", "open", None, "nothing"),
        ("mean gain > 0.1", "fails", 0.25, ""),
    ],
)
def test_only_an_open_check_says_what_it_could_have_seen(check, state, reach, words):
    assert reached({"check": check, "state": state, "reach": reach}) == words
