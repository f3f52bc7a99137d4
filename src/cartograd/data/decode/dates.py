"""Dates in tables: which way a column writes them, and the features they become.

A date becomes the days since 1970 and the year (both scaled as the days are in training), a
feature for each month and each weekday, and the hour where the column has times. So a model finds
trends, seasons and weeks.

>>> order(["25.06.2023", "01.07.2023"]), order(["2023-06-25 23:17"]), order(["06/25/2023"])
('dmy', 'ymd', 'mdy')
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np

from cartograd.core.column import DATE
from cartograd.data.decode.numeric import NUMERIC

ORDERS = ("ymd", "dmy", "mdy")
"""The ways to write a date."""

EPOCH = date(1970, 1, 1)
YEAR = 365.2425
"""Days."""

_TIME = (
    r"(?:[T ,]\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?"
    r"\s*(?P<half>[AaPp][Mm])?\s*(?:Z|UTC|[+\-]\d{2}:?\d{2})?)?"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAME = r"(?P<month>[A-Za-z]{3,9})\.?"
_PATTERNS = {
    "ymd": (
        rf"(?P<year>\d{{4}})(?P<gap>[-/.])(?P<month>\d{{1,2}})(?P=gap)(?P<day>\d{{1,2}}){_TIME}",
    ),
    "dmy": (
        rf"(?P<day>\d{{1,2}})(?P<gap>[-/.])(?P<month>\d{{1,2}})(?P=gap)(?P<year>\d{{4}}){_TIME}",
        rf"(?P<day>\d{{1,2}})[-. ]\s*{_NAME}[-, ]\s*(?P<year>\d{{4}}){_TIME}",
    ),
    "mdy": (
        rf"(?P<month>\d{{1,2}})(?P<gap>[-/.])(?P<day>\d{{1,2}})(?P=gap)(?P<year>\d{{4}}){_TIME}",
        rf"{_NAME} (?P<day>\d{{1,2}}),? (?P<year>\d{{4}}){_TIME}",
    ),
}
_COMPILED = {key: [re.compile(text) for text in texts] for key, texts in _PATTERNS.items()}


@dataclass(frozen=True)
class Moment:
    """A day, and the hour of the day (with its fraction) where a time stands beside it."""

    day: date
    hour: float | None

    @property
    def days(self) -> float:
        """Since 1970, with the part of the day."""
        return (self.day - EPOCH).days + (self.hour or 0.0) / 24


def moment(cell: str, order: str, /) -> Moment | None:
    """A cell as a date; `None` if it is none. A time zone is read over: the clock counts.

    >>> moment("2023-06-25T06:00Z", "ymd"), moment("31.02.2023", "dmy")
    (Moment(day=datetime.date(2023, 6, 25), hour=6.0), None)
    """
    for pattern in _COMPILED[order]:
        if found := pattern.fullmatch(cell):
            return _moment(found)
    return None


def _moment(found: re.Match[str]) -> Moment | None:
    month = found["month"]
    named = month[:3].lower()
    if not month.isdigit() and named not in _MONTHS:
        return None
    number = int(month) if month.isdigit() else 1 + _MONTHS.index(named)
    try:
        day = date(int(found["year"]), number, int(found["day"]))
    except ValueError:
        return None
    if found["hour"] is None:
        return Moment(day, None)
    hour, half = int(found["hour"]), (found["half"] or "").lower()
    if half:
        hour = hour % 12 + 12 * (half == "pm")
    if hour > 23 or int(found["minute"]) > 59:
        return None
    return Moment(day, hour + int(found["minute"]) / 60 + int(found["second"] or 0) / 3600)


def orders(cells: Sequence[str], /) -> tuple[str, ...]:
    """All ways in which at least nine in ten of the known cells are dates, the best first."""
    if not cells or all(moment(cell, order) is None for cell in cells[:1000] for order in ORDERS):
        return ()
    counts = {order: sum(moment(cell, order) is not None for cell in cells) for order in ORDERS}
    kept = [order for order in ORDERS if counts[order] >= NUMERIC * len(cells)]
    most = max((counts[order] for order in kept), default=0)
    return tuple(order for order in kept if counts[order] == most)


def order(cells: Sequence[str], /) -> str:
    """The way in which a column writes dates; empty if it has none.

    Where day and month could be either, points mean that the day comes first and strokes that
    the month does.
    """
    fitting = orders(cells)
    if len(fitting) < 2:
        return fitting[0] if fitting else ""
    return "mdy" if "/" in cells[0] and "mdy" in fitting else fitting[0]


def features(
    moments: Sequence[Moment | None], /, *, mean: float, std: float, clock: bool
) -> np.ndarray:
    """`n w` features; a missing date has zeros everywhere.

    Args:
        moments: the dates.
        mean: of their days in training.
        std: of their days in training.
        clock: whether the hour is a feature.
    """
    out = np.zeros((len(moments), DATE + clock))
    for row, one in zip(out, moments, strict=True):
        if one is None:
            continue
        row[0] = (one.days - mean) / std
        row[1] = (one.day.year - (1970 + mean / YEAR)) / max(std / YEAR, 1.0)
        row[1 + one.day.month] = 1
        row[14 + one.day.weekday()] = 1
        if clock:
            row[21] = ((one.hour or 0.0) - 12) / 7  # about what hours spread over the day
    return out


def written(value: date, order: str, /) -> str:
    """A date (or a date with a time) as a column of this order writes it.

    >>> written(date(2023, 6, 25), "dmy")
    '25.06.2023'
    """
    day = {"ymd": "%Y-%m-%d", "dmy": "%d.%m.%Y", "mdy": "%m/%d/%Y"}[order]
    return value.strftime(f"{day} %H:%M:%S" if isinstance(value, datetime) else day)


def shown(days: float, /) -> str:
    """The date so many days after 1970.

    >>> shown(19533.25)
    '2023-06-25'
    """
    return (EPOCH + timedelta(days=int(days // 1))).isoformat()
