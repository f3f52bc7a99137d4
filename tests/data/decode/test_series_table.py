"""Series in tables: what is wrong is named by its line, or decided as it was said."""

import numpy as np
import pytest

from cartograd.core.errors import UsageError
from cartograd.core.timeline import Timeline
from cartograd.data.decode.series_table import courses
from cartograd.data.decode.table import parse_table


def read(rows, **said):
    """The series of rows of `day,y` (and what else the header of the first row names)."""
    notes = []
    lines = rows.split() if isinstance(rows, str) else rows
    given = {"target": "y", "time": "day", "step": "", "decimal": ""} | said
    found, timeline = courses(
        parse_table("\n".join(lines), source="s.csv"), Timeline(**given), notes
    )
    return found, timeline, notes


DAYS = [f"2024-01-{day:02},{day}" for day in range(1, 11)]


def test_rows_are_sorted_and_that_is_said():
    (one,), timeline, notes = read(["day,y", *DAYS[::-1]])
    assert one.target.tolist() == list(range(1, 11))
    assert (timeline.step, notes) == ("day", ["the rows are not in the order of time, and sorted"])


@pytest.mark.parametrize(
    ("rows", "said", "message"),
    [
        (["day,y", *DAYS, "2024-01-03,9"], {}, r"lines 4 and 12 are both of 2024-01-03; by="),
        (["day,y", *DAYS[:4], *DAYS[6:]], {},
         r"2 of 10 days have no 'y' \(the first is 2024-01-05\); write them in, or learn"),
        (["day,y", *DAYS, "soon,3"], {}, r"line 12: 'soon' in the column 'day' is no time"),
        (["day,y", *DAYS, ",3"], {}, r"line 12: '' in the column 'day' is no time"),
        (["day,y", *DAYS, "2024-01-15 07:00,3"], {}, r"line 12: 2024-01-15 07:00 is not on a step"),
        (["day,y", "2024-01-01,1"], {}, "no two rows of a series have different times"),
        (["day,y", *DAYS, "2024-01-11,many"], {}, "'many' in the numeric column 'y' is not"),
        (["day,y", *[row.split(",")[0] + "," for row in DAYS]], {}, "'y' has no value in any row"),
        (["day,y,shop", *[f"{row},a" for row in DAYS], "2024-01-01,1,"], {"by": "shop"},
         "line 12: the column 'shop' is empty"),
        (["day,y,x", *[f"{row},1" for row in DAYS[1:]], "2024-01-01,3,"],
         {"covariates": ("x",), "gaps": "interpolate"}, "'x' is not known at 2024-01-01"),
        (["day,y", "2024-01,1", "2024-02,2", "2024-03-01,3", "2024-03-20,4", "2024-04,5"], {},
         "lines 4 and 5 are of the same month"),
    ],
)  # fmt: skip
def test_what_a_series_must_not_have_is_named(rows, said, message):
    with pytest.raises(UsageError, match=message):
        read(rows, **said)


def test_gaps_are_filled_as_it_was_said_and_told():
    rows = ["day,y", *DAYS[:3], "2024-01-04,", *DAYS[5:]]
    (one,), _, notes = read(rows, gaps="interpolate")
    assert one.target.tolist() == list(range(1, 11))
    assert notes == ["2 of 10 days have no 'y', filled by gaps=interpolate"]
    (one,), *_ = read(rows, gaps="previous")
    assert one.target.tolist() == [1, 2, 3, 3, 3, 6, 7, 8, 9, 10]


@pytest.mark.parametrize(("twins", "value"), [("mean", 6.0), ("first", 3.0), ("last", 9.0)])
def test_twins_are_decided_as_it_was_said(twins, value):
    (one,), *_ = read(["day,y", *DAYS, "2024-01-03,9"], twins=twins)
    assert one.target[2] == value
    assert len(one.target) == 10


def test_several_series_each_with_its_own_span_and_decimal_commas():
    rows = ["day;y;shop", *[f"{row.replace(',', ';')},5;a" for row in DAYS]]
    rows += [f"2024-02-{day:02};{day},25;b" for day in range(1, 6)]
    (first, second), timeline, _ = read(rows, by="shop")
    assert (first.name, second.name, timeline.decimal) == ("a", "b", ",")
    assert first.target[0] == 1.5
    assert second.target.tolist() == [1.25, 2.25, 3.25, 4.25, 5.25]


def test_rows_ahead_have_what_is_known_and_no_target():
    rows = ["day,y,promo", *[f"{row},0" for row in DAYS], "2024-01-11,,1", "2024-01-12,NA,0"]
    (one,), *_ = read(rows, known=("promo",))
    assert (one.end, len(one.values)) == (10, 12)
    assert one.values[10:, 1].tolist() == [1, 0]
    assert np.isnan(one.values[10:, 0]).all()
