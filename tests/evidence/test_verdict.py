"""Intervals against scipy, how often they hold the truth, and what checks say together."""

import math

import numpy as np
import pytest

from cartograd.core.errors import UsageError
from cartograd.evidence.verdict import Check, judge, mean, ratio, share
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


@pytest.mark.parametrize("values", [[math.nan, 1.0], [math.inf, 1.0], [1.0]])
def test_what_has_no_interval_decides_nothing(values):
    assert judge(("mean x > 0",), {"x": values})[0] == "contested"


@pytest.mark.parametrize("values", [[0.0, 1.0], [-1.0, 1.0], [math.nan, 1.0]])
def test_a_ratio_of_what_is_not_positive_decides_nothing(values):
    assert judge(("ratio x > 1",), {"x": values})[0] == "contested"


def test_equal_seeds_have_an_interval_of_no_width():
    found = mean([2.0, 2.0, 2.0])
    assert (found.low, found.high) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([0.3, 0.2, 0.25], "holds"),
        ([-0.3, -0.2, -0.25], "does not hold"),
        ([0.3, -0.2, 0.1], "contested"),
    ],
)
def test_a_verdict_is_where_the_interval_lies(values, verdict):
    assert judge(("mean gain > 0",), {"gain": values})[0] == verdict


def test_equivalence_needs_the_interval_inside_of_the_margin():
    rule = ("mean gap > -0.1", "mean gap < 0.1")
    assert judge(rule, {"gap": [0.01, -0.02, 0.02]})[0] == "holds"
    assert judge(rule, {"gap": [0.3, -0.3, 0.1]})[0] == "contested"  # contains 0, shows nothing
    assert judge(rule, {"gap": [0.3, 0.31, 0.3]})[0] == "does not hold"


def test_all_and_majority():
    figures = {"a": [1.0, 1.001], "b": [1.2, 1.201], "c": [-1.0, -1.001]}
    rule = tuple(f"mean {name} > 0" for name in figures)
    assert judge(rule, figures)[0] == "does not hold"
    assert judge(rule, figures, decide="majority")[0] == "holds"
    assert judge(rule[1:], figures, decide="majority")[0] == "contested"


@pytest.mark.parametrize(("values", "verdict"), [([1.0, 2.0], "holds"), ([1.0, 9.0], "no")])
def test_every_looks_at_the_worst_seed(values, verdict):
    found, (finding,) = judge(("every x <= 2",), {"x": values})
    assert (found == "holds") == (verdict == "holds")
    assert finding.value == max(values)


@pytest.mark.parametrize("sign", ["<", ">"])
def test_what_is_not_a_number_passes_no_check(sign):
    verdict, _ = judge((f"every x {sign} 1",), {"x": [0.0 if sign == "<" else 2.0, math.nan]})
    assert verdict == "does not hold"


@pytest.mark.parametrize("text", ["gain > 0", "mean gain", "mean gain = 0", "median gain > 0"])
def test_what_is_no_check_is_refused(text):
    with pytest.raises(UsageError, match="is not a check"):
        Check.parse(text)
