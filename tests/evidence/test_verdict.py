"""What checks say together, of seeds and of tasks, and when they say nothing."""

import math

import pytest

from cartograd.core.errors import UsageError
from cartograd.evidence.verdict import Check, judge


@pytest.mark.parametrize("values", [[math.nan, 1.0], [math.inf, 1.0], [1.0]])
def test_what_has_no_interval_decides_nothing(values):
    assert judge(("mean x > 0",), {"x": values})[0] == "undecided"


@pytest.mark.parametrize("values", [[0.0, 1.0], [-1.0, 1.0], [math.nan, 1.0]])
def test_a_ratio_of_what_is_not_positive_decides_nothing(values):
    assert judge(("ratio x > 1",), {"x": values})[0] == "undecided"


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([0.3, 0.2, 0.25], "holds"),
        ([-0.3, -0.2, -0.25], "does not hold"),
        ([0.3, -0.2, 0.1], "undecided"),
    ],
)
def test_a_verdict_is_where_the_interval_lies(values, verdict):
    assert judge(("mean gain > 0",), {"gain": values})[0] == verdict


def test_equivalence_needs_the_interval_inside_of_the_margin():
    rule = ("mean gap > -0.1", "mean gap < 0.1")
    assert judge(rule, {"gap": [0.01, -0.02, 0.02]})[0] == "holds"
    assert judge(rule, {"gap": [0.3, -0.3, 0.1]})[0] == "undecided"  # contains 0, shows nothing
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


def test_each_is_a_cell_and_cells_that_differ_are_contested():
    figures = {"a": [1.0, 1.001], "b": [-1.0, -1.001], "c": [1.0, -1.0]}
    rule = tuple(f"mean {name} > 0" for name in figures)
    verdict, findings = judge(rule, figures, decide="each")
    assert verdict == "contested"
    assert [one.state for one in findings] == ["holds", "fails", "open"]
    assert judge(rule[:1], figures, decide="each")[0] == "holds"
    assert judge(rule[1:2], figures, decide="each")[0] == "does not hold"
    assert judge((rule[0], rule[2]), figures, decide="each")[0] == "undecided"


@pytest.mark.parametrize("inside", [[1.0, 0.0], [math.nan, 1.0]])
def test_an_experiment_that_did_not_do_its_part_decides_nothing(inside):
    figures = {"gain": [1.0, 1.1], "inside": inside}
    verdict, findings = judge(("mean gain > 0",), figures, requires=("every inside >= 1",))
    assert verdict == "undecided"
    assert [(one.state, one.needed) for one in findings] == [("holds", False), ("fails", True)]
    figures["inside"] = [1.0, 1.0]
    assert judge(("mean gain > 0",), figures, requires=("every inside >= 1",))[0] == "holds"


def test_tasks_are_the_unit_whatever_the_number_of_seeds():
    """Four tasks of 50 seeds each: one that goes the other way makes it open."""
    gains = {"gain: a": 1.0, "gain: b": 1.1, "gain: c": 0.9, "gain: d": -2.0}
    figures = {name: [value] * 50 for name, value in gains.items()}
    verdict, (finding,) = judge(("tasks gain > 0",), figures)
    assert verdict == "undecided"
    assert finding.value == pytest.approx(0.25)
    assert "4 tasks" in finding.method
    as_seeds = [value for each in figures.values() for value in each]
    assert judge(("mean gain > 0",), {"gain": as_seeds})[0] == "holds"  # what it would feign


@pytest.mark.parametrize(
    ("better", "of", "verdict"),
    [(10, 12, "holds"), (9, 12, "undecided"), (2, 12, "does not hold"), (4, 4, "holds")],
)
def test_most_counts_tasks_against_half(better, of, verdict):
    figures = {f"gain: {i}": [1e-9 if i < better else -5.0, 1e-9] for i in range(of)}
    found, (finding,) = judge(("most gain > 0",), figures)
    assert (found, finding.value) == (verdict, better / of)


def test_a_check_of_tasks_without_tasks_is_refused():
    with pytest.raises(UsageError, match="'gain: TASK'"):
        judge(("tasks gain > 0",), {"gain": [1.0, 2.0]})
