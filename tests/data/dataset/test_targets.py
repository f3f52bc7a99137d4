"""The target of a table: what it is taken for, and that it is said."""

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.data.dataset.tabular import row_keys
from cartograd.data.dataset.targets import targets
from cartograd.data.decode.table import Table


def table(cells):
    rows = [[f"{i / 7:.3f}", cell] for i, cell in enumerate(cells)]
    return Table("t.csv", ("x", "y"), rows, list(range(2, len(rows) + 2)))


def made(cells, task="auto", **args):
    return targets(table(cells), "y", task, **args)


@pytest.mark.parametrize(
    ("cells", "labels", "note"),
    [
        (["1", "1.0", "2", "2.0"], ("1", "2"), "'1', '1.0' are one class, '1': equal as numbers"),
        (["1.0", "2.0"], ("1", "2"), "target y: 2 classes (1 10, 2 10); task=regress"),
        (["TRUE", "true", "FALSE"], ("FALSE", "true"), "equal but for case"),
        (["very bad", "Very  bad", "ok"], ("ok", "very bad"), "equal but for case and blanks"),
        (["01", "02", "10"], ("01", "02", "10"), "target y: 3 classes (01 "),
        (["none", "ring"], ("none", "ring"), "target y: 2 classes (none 10, ring 10)"),
        (["NA", "?", "-"], ("-", "?", "NA"), "target y: 3 classes"),
        (["1,5", "2,5"], None, "target y: values, 1.5 to 2.5"),
        ([str(100 + i) for i in range(21)], None, "21 different, are values; task=classify"),
    ],
)
def test_what_a_target_is_taken_for_is_said(cells, labels, note):
    count = -(-20 // len(cells))
    goal = made(cells * count)
    if labels is None:
        assert goal.port.kind == "value"
    else:
        assert set(goal.port.labels) == set(labels)
        assert goal.port.labels[0] in labels
    assert any(note in line for line in goal.notes), goal.notes


def test_equal_labels_share_their_number():
    goal = made(["yes", "Yes", "no", "YES"] * 5)
    assert goal.values[:4].tolist() == [1, 1, 0, 1]


@pytest.mark.parametrize(("gap", "others"), [("", ["a", "b"]), ("?", ["1.5", "2.5"])])
def test_rows_without_a_target_are_refused_or_left_out(gap, others):
    cells = [*others * 10, gap, gap]
    with pytest.raises(
        UsageError, match=r"t.csv line 22: the target 'y' is missing, as in 1 furth"
    ):
        made(cells)
    goal = made(cells, drop_missing=True)
    assert len(goal.table) == len(goal.values) == 20
    assert "2 of 22 rows have none and are left out" in goal.notes[0]


def test_marks_of_ones_own():
    goal = made(["a", "b", "unknown"] * 8, marks=("unknown",), drop_missing=True)
    assert goal.port.labels == ("a", "b")


def test_values_that_float32_cannot_tell_apart_are_refused():
    cells = [f"{4006381334000 + 7 * i}" for i in range(40)]
    with pytest.raises(UsageError, match=r"float32 keeps no digits; subtract 4006381334000"):
        made(cells, "regress")
    goal = made([f"{7 * i}" for i in range(40)], "regress")
    assert torch.equal(goal.values[:, 0], torch.arange(40) * 7.0)


def test_copies_stay_together_but_rows_equal_by_chance_do_not():
    copies = [[f"{i / 7:.3f}", "Rome", "low"] for i in range(40)] * 3
    assert len(set(row_keys(copies))) == 40
    towns, incomes = ("Rome", "Oslo"), ("low", "high")
    chance = [[towns[i % 2], incomes[i // 2 % 2]] for i in range(100)]
    assert len(set(row_keys(chance))) == 100
    few = [
        *([f"{i / 7:.3f}", towns[i % 2]] for i in range(80)),
        *([["-999", town] for town in towns] * 10),
    ]
    assert len(set(row_keys(few))) == 100


def test_values_keep_their_unit():
    priced = [f"{at}.5 eur" for at in range(20)]
    assert made(priced, "regress").port.unit == "EUR"
    assert made([f"{at}.5" for at in range(20)], "regress").port.unit == ""
