"""Rows of the intervals' page that are made anew by themselves are those of a whole run."""

from dataclasses import replace

from tools.intervals import of_data, of_one, passed, renewed
from tools.known_truths import WORLDS


def test_a_metric_by_itself_is_given_the_same_data():
    world = next(one for one in WORLDS if one.name == "2 classes, 1 of 10 rare, spread out")
    small = replace(world, truth=500)
    whole = list(of_data(small, of_one, (), 2))
    alone = list(of_data(small, of_one, ("roc-auc",), 2))
    assert alone == [row for row in whole if row["metric"] == "roc-auc"]
    assert [row["n"] for row in alone] == [30, 60, 100, 300]
    assert not list(of_data(small, of_one, ("rmse",), 2))


def test_new_rows_take_the_places_of_the_old():
    old = [{"world": "w", "metric": m, "n": n, "held": 0} for n in (30, 60) for m in "ab"]
    new = [row | {"held": 1} for row in old if row["metric"] == "b"]
    more = [{"world": "w", "metric": "c", "n": 30, "held": 1}]
    found = renewed(old, new + more)
    assert [row["held"] for row in found] == [0, 1, 0, 1, 1]
    assert [row["metric"] for row in found] == [*"abab", "c"]


def test_only_what_is_called_heavy_may_pass_by_being_doubted():
    row = {"held": 0.88, "repeats": 1000, "doubted": 1.0, "heavy": False}
    assert not passed(row)
    assert passed(row | {"heavy": True})
    assert not passed(row | {"heavy": True, "doubted": 0.1})
    assert passed(row | {"held": 0.92})
