"""The ends of series in a table, as a port takes them: what a forecast is made from."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from cartograd.core.arrays import Tensor, torch
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.core.timeline import Timeline
from cartograd.data.decode.series_table import Course, check_columns, courses, with_calendar
from cartograd.data.decode.steps import ahead, plural, shown, step_of
from cartograd.data.decode.table import Table
from cartograd.data.decode.table_files import read_table
from cartograd.data.store import packages


@dataclass(frozen=True)
class Past:
    """The last steps of a series.

    Attributes:
        name: of the series; empty where it is the only one.
        x: as the port takes it.
        times: of the steps to come.
    """

    name: str
    x: Float[Tensor, "c s"]
    times: tuple[str, ...]


def pasts(port: Port, path: str | Path | Table, notes: list[str] | None = None, /) -> list[Past]:
    """The end of each series in a file.

    Args:
        port: of a model of series.
        path: of the table, the name of one that was fetched, or a table in memory.
        notes: gets a line for whatever was decided.

    Raises:
        UsageError: the file has other columns or steps than the model knows, or is too short.
    """
    timeline, context = port.timeline, port.dims[1]
    if timeline is None or not isinstance(context, int):
        raise UsageError(
            f"{port.name!r} does not tell of which columns a series is made; give numbers"
        )
    table = path if isinstance(path, Table) else read_table(packages.table(path))
    path = table.source if isinstance(path, Table) else path
    check_columns(table, (timeline.time, *filter(None, (timeline.by,)), *timeline.columns))
    told = [] if notes is None else notes
    found, read = courses(table, replace(timeline, step="", decimal=""), told)
    if step_of(*(one.times for one in found)) and read.step != timeline.step:
        raise UsageError(
            f"{path} has a row each {read.step}, and the model knows a row each {timeline.step}; "
            "bring it to these steps"
        )
    return [_past(one, timeline, context, str(path)) for one in found]


def _past(course: Course, timeline: Timeline, context: int, path: str) -> Past:
    of = f" of {course.name!r}" if course.name else ""
    if course.end < context:
        raise UsageError(
            f"{path} has {plural(timeline.step, course.end)}{of}, and a forecast is made from "
            f"{context}"
        )
    horizon, known = timeline.horizon, len(timeline.known)
    later = course.values[course.end : course.end + horizon, course.values.shape[1] - known :]
    if known and (len(later) < horizon or np.isnan(later).any()):
        raise UsageError(
            f"{path}: {', '.join(timeline.known)}{of} must be known for the {horizon} steps after "
            f"the last {timeline.target!r} ({shown(int(course.times[course.end - 1]))}); add rows "
            f"with these columns and an empty {timeline.target!r}"
        )
    times = course.times[: course.end]
    to_come = ahead(times, timeline.step, horizon)
    whole = with_calendar(_reaching(course, to_come), timeline)
    cut = past_of(whole.values, whole.end, context=context, horizon=horizon, known=timeline.ahead)
    steps = tuple(shown(one) for one in to_come)
    return Past(course.name, torch.from_numpy(cut.astype(np.float32)), steps)


def _reaching(course: Course, to_come: list[int]) -> Course:
    """The series up to the last step to come, whose rows need not be in the table."""
    values = course.values[: course.end + len(to_come)]
    empty = np.full((course.end + len(to_come) - len(values), values.shape[1]), np.nan)
    times = np.array([*course.times[: course.end], *to_come], dtype=np.int64)
    return replace(course, times=times, values=np.concatenate([values, empty]))


def past_of(
    values: Float[np.ndarray, "t c"], end: int, /, *, context: int, horizon: int, known: int
) -> Float[np.ndarray, "c s"]:
    """The columns before a step; those known ahead moved by the horizon.

    Args:
        values: of a series, a row for each step.
        end: the first step to come.
        context: steps of the past.
        horizon: steps to come.
        known: how many columns, the last ones, are known ahead.
    """
    own = values.shape[1] - known
    before = values[end - context : end, :own]
    if not known:
        return before.T
    later = values[end - context + horizon : end + horizon, own:]
    return np.concatenate([before, later], 1).T
