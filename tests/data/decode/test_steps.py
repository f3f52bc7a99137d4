"""Steps of series: found in dates, counted and taken further, held against pandas."""

import numpy as np
import pandas as pd
import pytest

from cartograd.data.decode.steps import ahead, places, season_of, seconds, shown, step_of

KINDS = {
    "hour": "h",
    "15 minutes": "15min",
    "day": "D",
    "business day": "B",
    "week": "W-SAT",
    "2 weeks": "2W-MON",
    "month": "MS",
    "quarter": "QE",
    "2 months": "2MS",
    "year": "YS",
    "30 seconds": "30s",
}


def times(code: str, count: int = 60) -> list[int]:
    dates = pd.date_range("2019-11-05 06:00" if code[-1] in "hns" else "2019-11-05", periods=count,
                          freq=code)  # fmt: skip
    return [round((date - pd.Timestamp(0)).total_seconds()) for date in dates]


@pytest.mark.oracle("series")
@pytest.mark.parametrize("name", KINDS)
def test_pandas_finds_the_same_steps_and_dates_to_come(name):
    found = times(KINDS[name])
    assert step_of(found) == name
    assert places(found, name)[0].tolist() == list(range(60))
    assert ahead(found[:40], name, 20) == found[40:]
    gaps = np.delete(np.array(found), [7, 8, 30])
    assert step_of(gaps) == name
    assert places(gaps, name)[0].tolist() == [i for i in range(60) if i not in (7, 8, 30)]


@pytest.mark.oracle("series")
def test_month_ends_stay_month_ends():
    found = times("ME", 40)
    assert step_of(found) == "month"
    assert ahead(found[:28], "month", 12) == found[28:]
    assert [shown(one) for one in ahead([seconds("2024-01-30", "ymd")], "month", 2)] == [
        "2024-02-29",
        "2024-03-30",
    ]


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ("1984", "1984-01-01"), ("1984.0", "1984-01-01"), ("1984-03", "1984-03-01"),
        ("1984M03", "1984-03-01"), ("1984Q3", "1984-07-01"), ("1984-Q1", "1984-01-01"),
        ("19840329", "1984-03-29"), ("1984-03-29 06:30", "1984-03-29 06:30"),
        ("Mar 29, 1984", None), ("19841329", None), ("1984-13", None), ("soon", None),
    ],
)  # fmt: skip
def test_times_as_people_write_them(cell, read):
    found = seconds(cell, "ymd")
    assert (None if found is None else shown(found)) == read


def test_what_is_on_no_step_is_named_by_its_place():
    week = [seconds(f"2024-01-{day:02}", "ymd") for day in (1, 8, 15, 23, 29)]
    assert step_of(week) == "week"
    assert places(week, "week")[1] == 3
    assert step_of([week[0]]) == ""
    assert season_of("10 minutes") == 144
    assert season_of("minute") == 1  # 1440 steps are too many to look back
    assert season_of("2 months") == 6
