"""The arithmetic of comparisons."""

import math

import pytest

from benchmarks.pairs import difference, quartiles, quiet, ratio, spread


def test_ratio_pairs_rounds_not_medians():
    # The machine was twice as slow in the second round: the pairs do not see it.
    found = ratio([1.0, 2.0, 1.0], [3.0, 6.0, 3.3])
    assert found.median == pytest.approx(3.0)
    assert (found.low, found.high, found.rounds) == (pytest.approx(3.0), pytest.approx(3.15), 3)


def test_ratio_needs_whole_rounds():
    with pytest.raises(ValueError, match="zip"):
        ratio([1.0, 2.0], [1.0])


def test_quartiles_of_few_values():
    assert quartiles([2.0]) == (2.0, 2.0)
    assert quartiles([1.0, 2.0, 3.0, 4.0, 5.0]) == (2.0, 4.0)


def test_difference_is_relative_and_refuses_what_cannot_be_compared():
    assert difference([100.0, 1.0], [100.0, 2.0]) == pytest.approx(0.01)
    assert difference([0.0], [0.0]) == 0
    assert difference([], []) == 0
    assert difference([1.0], [1.0, 1.0]) == math.inf
    assert difference([1.0], [math.nan]) == math.inf


def test_rounds_kept_are_within_a_tenth_of_each_other():
    assert spread([95.0, 100.0, 105.0]) == pytest.approx(0.1)
    assert quiet([95.1, 104.9], 100.0)
    assert not quiet([94.0, 100.0], 100.0)
