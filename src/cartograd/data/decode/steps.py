"""The steps of a series in time: found in its dates, counted, and taken further.

A step is of a fixed length (`hour`, `15 minutes`, `week`), a `business day`, or counted by the
calendar (`month`, `quarter`, `year`, `2 months`). Dates may also be written as a year (1984), a
month (1984-03), a quarter (1984Q1) or without marks (19840329).

>>> name = step_of([seconds("2024-01-31", "ymd"), seconds("2024-02-29", "ymd")])
>>> name, shown(ahead([seconds("2024-01-31", "ymd"), seconds("2024-02-29", "ymd")], name, 1)[0])
('month', '2024-03-31')
"""

import calendar
import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
from jaxtyping import Int

from cartograd.data.decode import dates

EPOCH = datetime(1970, 1, 1)
DAY = 86_400
UNITS = {"week": 7 * DAY, "day": DAY, "hour": 3600, "minute": 60, "second": 1}
MONTHS = {"year": 12, "quarter": 3, "month": 1}
"""Months of a step that the calendar counts."""

BUSINESS = "business day"

SEASONS = {"hour": 24, "day": 7, BUSINESS: 5, "week": 52, "month": 12, "quarter": 4, "year": 1}
"""Steps after which things usually repeat."""

LONGEST = 300
"""Steps of a day that are taken for a season; more are too many to look back at."""

_SHORT = re.compile(
    r"(?P<year>\d{4})(?:\.0|[-/.M]?(?P<month>0[1-9]|1[0-2])(?P<day>[0-3]\d)?"
    r"|[- ]?Q(?P<quarter>[1-4]))?",
    re.IGNORECASE,
)


def seconds(cell: str, order: str, /) -> int | None:
    """The seconds from 1970 to a cell's time; `None` if it is no time.

    >>> [seconds(cell, "ymd") for cell in ("1970", "1970-02", "1970Q2", "19700102", "soon")]
    [0, 2678400, 7776000, 86400, None]
    """
    found = _SHORT.fullmatch(cell)
    if found:
        quarter, month = found["quarter"], found["month"] or 1
        month = 3 * int(quarter) - 2 if quarter else int(month)
        try:
            moment = datetime(int(found["year"]), month, int(found["day"] or 1))
        except ValueError:
            return None
        return round((moment - EPOCH).total_seconds())
    one = dates.moment(cell, order)
    if one is None:
        return None
    return (one.day - EPOCH.date()).days * DAY + round(3600 * (one.hour or 0.0))


def are_times(cells: Sequence[str], /) -> bool:
    """Whether a column holds times, each once: dates, months or quarters. Plain years are numbers.

    >>> [are_times(cells) for cells in (["2024-01", "2024-02"], ["2024Q1", "2024Q1"], ["1", "2"])]
    [True, False, False]
    """
    if not cells or len(set(cells)) < len(cells) or all(map(str.isdecimal, cells)):
        return False
    order = dates.order(cells) or "ymd"
    return all(seconds(cell, order) is not None for cell in cells)


def shown(moment: int, /) -> str:
    """A time as it is written: the day, and the clock unless it is midnight.

    >>> shown(0), shown(5400)
    ('1970-01-01', '1970-01-01 01:30')
    """
    at = EPOCH + timedelta(seconds=moment)
    if at.second:
        return at.isoformat(" ")
    return at.isoformat(" ", "minutes") if at.hour or at.minute else at.date().isoformat()


def step_of(*series: Sequence[int] | np.ndarray) -> str:
    """The commonest step between the times of series, which are sorted; empty of single times.

    >>> step_of([0, 3600, 7200]), step_of([DAY * i for i in (4, 5, 6, 7, 8, 11, 12)])
    ('hour', 'business day')
    """
    sorted_times = [np.unique(np.asarray(times, dtype=np.int64)) for times in series]
    apart = np.concatenate([np.diff(times) for times in sorted_times])
    if not len(apart):
        return ""
    common = Counter(apart.tolist()).most_common(1)[0][0]
    everything = np.concatenate(sorted_times)
    fixed = common == 28 * DAY and not (apart % common).any()
    if common >= 28 * DAY and not fixed:
        months = np.concatenate([np.diff(_months(times)) for times in sorted_times])
        return _named(Counter(months.tolist()).most_common(1)[0][0], MONTHS)
    business = common == DAY and bool((apart > DAY).any())
    if business and not (_weekday(everything) > 4).any():
        return BUSINESS
    return _named(common, UNITS)


def season_of(step: str, /) -> int:
    """Steps after which things usually repeat.

    >>> season_of("month"), season_of("15 minutes"), season_of("2 days")
    (12, 96, 1)
    """
    if step in SEASONS:
        return SEASONS[step]
    length = _length(step, UNITS)
    if length and length < DAY and DAY % length == 0 and DAY // length <= LONGEST:
        return DAY // length
    months = _length(step, MONTHS)
    return 12 // months if months and 12 % months == 0 else 1


def places(
    times: Sequence[int] | Int[np.ndarray, " t"], step: str, /
) -> tuple[Int[np.ndarray, " t"], int | None]:
    """The number of steps from the first time to each, and the first that is on no step."""
    times = np.asarray(times, dtype=np.int64)
    months, length = _length(step, MONTHS), _length(step, UNITS)
    if months:
        apart = _months(times) - _months(times[:1])
        wrong = apart % months != 0
        found = apart // months
    elif step == BUSINESS:
        found, wrong = _business(times) - _business(times[:1]), _weekday(times) > 4
    else:
        apart = times - times[0]
        found, wrong = apart // length, apart % length != 0
    return found, int(np.flatnonzero(wrong)[0]) if wrong.any() else None


def ahead(times: Sequence[int] | Int[np.ndarray, " t"], step: str, count: int, /) -> list[int]:
    """The times of the next steps after the last of these.

    Where all are the last days of their months, so are those to come.
    """
    last = int(times[-1])
    months, length = _length(step, MONTHS), _length(step, UNITS)
    if length and step != BUSINESS:
        return [last + number * length for number in range(1, count + 1)]
    if step == BUSINESS:
        found: list[int] = []
        while len(found) < count:
            last += DAY
            if _weekday(np.array([last]))[0] <= 4:
                found.append(last)
        return found
    moments = [EPOCH + timedelta(seconds=int(one)) for one in times[-12:]]
    ends = all(one.day == _days(one.year, one.month - 1) for one in moments)
    day = 31 if ends else max(one.day for one in moments)
    clock, first = last % DAY, 12 * moments[-1].year + moments[-1].month - 1
    found = []
    for number in range(1, count + 1):
        year, month = divmod(first + number * months, 12)
        at = date(year, month + 1, min(day, _days(year, month)))
        found.append((at - EPOCH.date()).days * DAY + clock)
    return found


def plural(step: str, count: int, /) -> str:
    """So many steps in words.

    >>> plural("month", 3), plural("15 minutes", 2), plural("business day", 1)
    ('3 months', '2 steps of 15 minutes', '1 business day')
    """
    if step[:1].isdigit():
        return f"{count} step{'s' * (count != 1)} of {step}"
    return f"{count} {step}{'s' * (count != 1)}"


def _named(count: int, units: dict[str, int]) -> str:
    """The largest unit of which a count is a multiple, with how many there are."""
    for name, size in units.items():
        if count % size == 0:
            many = count // size
            return name if many == 1 else f"{many} {name}s"
    return ""


def _length(step: str, units: dict[str, int]) -> int:
    """How much of the unit's measure a step is; 0 where it is of other units."""
    many, _, name = step.rpartition(" ") if step[:1].isdigit() else ("1", "", step)
    return int(many) * units.get(name if step in units else name.removesuffix("s"), 0)


def _months(times: Int[np.ndarray, " t"]) -> Int[np.ndarray, " t"]:
    return times.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)


def _weekday(times: Int[np.ndarray, " t"]) -> Int[np.ndarray, " t"]:
    """0 for Mondays; 1970 began on a Thursday."""
    return (times // DAY + 3) % 7


def _business(times: Int[np.ndarray, " t"]) -> Int[np.ndarray, " t"]:
    """How many weekdays there were up to each day."""
    days = times // DAY + 3
    return 5 * (days // 7) + np.minimum(days % 7, 4)


def _days(year: int, month: int) -> int:
    """The days of a month, counted from 0."""
    return calendar.monthrange(year, month + 1)[1]
