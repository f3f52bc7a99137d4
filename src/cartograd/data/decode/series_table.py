"""Series in a table: rows sorted by time, one at each step, without gaps and without twins.

What a series must not have is refused with its line, or decided as it was said: steps without a
value (`gaps`), two rows of one time (`twins`). What was decided is noted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from cartograd.core.errors import UsageError
from cartograd.core.timeline import Timeline
from cartograd.data.decode import dates
from cartograd.data.decode.calendar_columns import circled
from cartograd.data.decode.columns import among, decimal_marks
from cartograd.data.decode.encode import numbers
from cartograd.data.decode.steps import ahead, places, plural, seconds, shown, step_of
from cartograd.data.decode.table import Table

WORDS = "a column of 0 and 1 for each word in its place, since series are learned from numbers"
"""The way out for covariates of words."""


@dataclass(frozen=True)
class Course:
    """One series, a row for each step.

    Attributes:
        name: what the table calls it; empty where it is the only one.
        times: seconds since 1970.
        values: of the columns, the target first; NaN only in the target after `end`.
        end: how many steps have a target; what follows is known ahead.
    """

    name: str
    times: Int[np.ndarray, " t"]
    values: Float[np.ndarray, "t c"]
    end: int

    @property
    def target(self) -> Float[np.ndarray, " t"]:
        """What is known of it."""
        return self.values[: self.end, 0]


def courses(table: Table, timeline: Timeline, notes: list[str], /) -> tuple[list[Course], Timeline]:
    """The series of a table, and its timeline with the step and the decimal mark that were found.

    Args:
        table: the rows.
        timeline: what is what; an empty `step` or `decimal` is found out.
        notes: gets a line for whatever was decided.

    Raises:
        UsageError: a column is missing; a time cannot be read, is there twice or on no step; a
            step has no value; a cell is no number.
    """
    table, times = _timed(table, timeline)
    styles, _ = decimal_marks(table, timeline.columns, timeline.decimal, timeline.missing)
    style = next(filter(None, styles.values()), ".")[0]
    cells = [
        numbers(
            table.column(name),
            name,
            table,
            decimal=style,
            marks=timeline.missing,
            otherwise=WORDS if name != timeline.target else "",
        )
        for name in timeline.columns
    ]
    values = np.stack(cells, 1)
    groups = _groups(table, timeline)
    if unordered := sum(bool((np.diff(times[rows]) < 0).any()) for rows in groups.values()):
        which = f"{unordered} series are" if len(groups) > 1 else "the rows are"
        notes.append(f"{which} not in the order of time, and sorted")
    sorted_rows = {
        name: rows[np.argsort(times[rows], kind="stable")] for name, rows in groups.items()
    }
    step = timeline.step or step_of(*(times[rows] for rows in sorted_rows.values()))
    if not step:
        raise UsageError(
            f"{table.source}: no two rows of a series have different times in {timeline.time!r}; "
            "expected a series"
        )
    timeline = replace(timeline, step=step, decimal=style)
    made = [
        _course(name, table, times, values, rows, timeline, notes)
        for name, rows in sorted_rows.items()
    ]
    return made, timeline


def with_calendar(course: Course, timeline: Timeline, /) -> Course:
    """The same with what the calendar says of each step."""
    if not timeline.calendar:
        return course
    turns = circled(course.times, timeline.calendar)
    return replace(course, values=np.concatenate([course.values, turns], 1))


def _timed(table: Table, timeline: Timeline) -> tuple[Table, Int[np.ndarray, " n"]]:
    """The table, and the seconds of each row.

    Raises:
        UsageError: a time is missing or cannot be read.
    """
    cells = table.column(timeline.time)
    if not cells:
        raise UsageError(f"{table.source} has no rows; expected a series")
    order = dates.order(among(cells)) or "ymd"
    found = [seconds(cell, order) for cell in cells]
    if None in found:
        row = found.index(None)
        raise UsageError(
            f"{table.where(row)}: {cells[row]!r} in the column {timeline.time!r} is no time that "
            "can be read; expected a date such as 2024-03-31, 2024-03-31 06:00, 2024-03 or 2024"
        )
    return table, np.array(found, dtype=np.int64)


def _groups(table: Table, timeline: Timeline) -> dict[str, Int[np.ndarray, " n"]]:
    """The rows of each series, in the order in which these begin."""
    if not timeline.by:
        return {"": np.arange(len(table))}
    names = table.column(timeline.by)
    if "" in names:
        raise UsageError(
            f"{table.where(names.index(''))}: the column {timeline.by!r} is empty; expected the "
            "name of a series"
        )
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        rows.setdefault(name, []).append(row)
    return {name: np.array(one) for name, one in rows.items()}


def _course(
    name: str,
    table: Table,
    times: Int[np.ndarray, " n"],
    values: Float[np.ndarray, "n c"],
    rows: Int[np.ndarray, " t"],
    timeline: Timeline,
    notes: list[str],
) -> Course:
    """One series on the steps of the timeline."""
    of = f" of {name!r}" if name else ""
    rows, own = _without_twins(table, times, values, rows, timeline, of)
    place, wrong = places(times[rows], timeline.step)
    if wrong is not None:
        raise UsageError(
            f"{table.where(int(rows[wrong]))}: {shown(int(times[rows[wrong]]))}{of} is not on a "
            f"step: most rows are a {timeline.step} apart; mend the time or leave the row out"
        )
    twin = next((i for i, pair in enumerate(pairwise(place)) if pair[0] == pair[1]), None)
    if twin is not None:
        lines = " and ".join(str(table.lines[rows[i]]) for i in (twin, twin + 1))
        raise UsageError(
            f"{table.source} {table.unit}s {lines}{of} are of the same {timeline.step}, and most "
            f"rows are a {timeline.step} apart; mend the times or leave one out"
        )
    whole = np.full((int(place[-1]) + 1, values.shape[1]), np.nan)
    whole[place] = own
    known = np.flatnonzero(~np.isnan(whole[:, 0]))
    if not len(known):
        raise UsageError(f"{table.source}: {timeline.target!r}{of} has no value in any row")
    first, end = int(known[0]), int(known[-1]) + 1 - int(known[0])
    start = int(times[rows[0]])
    steps = [start, *ahead([start], timeline.step, len(whole) - 1)]
    every = np.array(steps, dtype=np.int64)
    every[place] = times[rows]  # months of the calendar differ in their days
    course = Course(name, every[first:], whole[first:], end)
    return _filled(course, table.source, timeline, of, notes)


def _without_twins(
    table: Table,
    times: Int[np.ndarray, " n"],
    values: Float[np.ndarray, "n c"],
    rows: Int[np.ndarray, " t"],
    timeline: Timeline,
    of: str,
) -> tuple[Int[np.ndarray, " s"], Float[np.ndarray, "s c"]]:
    """A row for each time, and its values."""
    own, firsts = np.unique(times[rows], return_index=True)
    if len(own) == len(rows):
        return rows, values[rows]
    if timeline.twins == "refuse":
        at = next(i for i in range(1, len(rows)) if times[rows[i]] == times[rows[i - 1]])
        lines = " and ".join(str(table.lines[rows[i]]) for i in (at - 1, at))
        instead = "" if timeline.by else "by=COLUMN parts several series, and "
        raise UsageError(
            f"{table.source} {table.unit}s {lines}{of} are both of {shown(int(times[rows[at]]))}; "
            f"{instead}twins=mean, first or last decides"
        )
    lasts = np.append(firsts[1:], len(rows)) - 1
    if timeline.twins == "mean":
        groups = [values[rows[a : b + 1]] for a, b in zip(firsts, lasts, strict=True)]
        return rows[firsts], np.stack([_mean(group) for group in groups])
    chosen = rows[firsts if timeline.twins == "first" else lasts]
    return chosen, values[chosen]


def _mean(group: Float[np.ndarray, "n c"]) -> Float[np.ndarray, " c"]:
    """The mean of the known numbers of each column; NaN where there is none."""
    known = ~np.isnan(group)
    counts = known.sum(0)
    sums = np.where(known, group, 0.0).sum(0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _filled(course: Course, source: str, timeline: Timeline, of: str, notes: list[str]) -> Course:
    """The series without steps that lack a number.

    Raises:
        UsageError: some do, and nobody said what becomes of them.
    """
    values, filled = course.values.copy(), list[str]()
    for number, name in enumerate(timeline.columns):
        ahead_too = name in timeline.known
        column = values[: None if ahead_too else course.end, number]
        known = np.flatnonzero(~np.isnan(column))
        column = column[: known[-1] + 1] if ahead_too and len(known) else column
        lacks = np.flatnonzero(np.isnan(column))
        if not len(lacks):
            continue
        when = shown(int(course.times[lacks[0]]))
        count = f"{len(lacks)} of {plural(timeline.step, len(column))}"
        if timeline.gaps == "refuse":
            raise UsageError(
                f"{source}: {count}{of} have no {name!r} (the first is {when}); write them "
                "in, or learn from data with gaps=interpolate (by a straight line) or "
                "gaps=previous (by the value before)"
            )
        if not len(known) or known[0] > 0:
            raise UsageError(
                f"{source}: {name!r}{of} is not known at {when}, where {timeline.target!r} begins; "
                "leave these rows out, or the column"
            )
        column[lacks] = _between(column, known, lacks, timeline.gaps)
        filled.append(f"{count}{of} have no {name!r}, filled by gaps={timeline.gaps}")
    notes.extend(filled)
    return replace(course, values=values)


def _between(
    column: Float[np.ndarray, " t"],
    known: Int[np.ndarray, " s"],
    lacks: Int[np.ndarray, " n"],
    how: str,
) -> Float[np.ndarray, " n"]:
    if how == "interpolate":
        return np.interp(lacks, known, column[known])
    return column[known[np.searchsorted(known, lacks) - 1]]


def check_columns(table: Table, names: Sequence[str], /) -> None:
    """Refuse a column that is not there, or that is named twice.

    Raises:
        UsageError: which.
    """
    for name in names:
        table.column(name)
        if names.count(name) > 1:
            raise UsageError(f"{table.source}: the column {name!r} is named for two things")
