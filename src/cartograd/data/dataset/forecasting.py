"""From a table of series to a dataset of windows: what is not said is decided here, and told."""

from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.timeline import Timeline
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.series_windows import (
    Cut,
    bounds,
    check_context,
    far_apart,
    grid,
    origins,
    thinned,
    unit_of,
    windows,
)
from cartograd.data.dataset.statistics import measured
from cartograd.data.decode.calendar_columns import chosen
from cartograd.data.decode.series_table import Course, check_columns, courses, with_calendar
from cartograd.data.decode.steps import plural, season_of, shown
from cartograd.data.decode.table import Table

LEAST = 10
"""Points from which a part is forecast at least, and windows that are learned from."""


def forecasting(
    name: str,
    table: Table,
    timeline: Timeline,
    /,
    *,
    horizon: int,
    context: int | None,
    season: int | None,
    stride: int | None,
    valid: float,
    test: float,
) -> Dataset:
    """Windows of the series of a table, in three parts by their time.

    Args:
        name: what to call the data.
        table: the rows.
        timeline: what is what in them.
        horizon: steps to come.
        context: steps of the past; chosen if not given.
        season: steps after which things repeat; by the step if not given.
        stride: steps between the points from which the test part is forecast; chosen if not given.
        valid: share of the time for validation.
        test: share of the time for testing.

    Raises:
        UsageError: what is wrong with the table, or the series are too short.
    """
    notes = list(table.notes)
    check_columns(table, (timeline.time, *filter(None, (timeline.by,)), *timeline.columns))
    found, timeline = courses(table, timeline, notes)
    timeline = replace(timeline, season=season or season_of(timeline.step), horizon=horizon)
    steps = grid(found)
    asked = timeline.calendar
    held = _held(len(steps), horizon, {"valid": valid, "test": test}, notes)
    learned = len(steps) - held["valid"] - held["test"]
    span = int(steps[max(learned - 1, 0)] - steps[0])
    timeline = replace(timeline, calendar=chosen(asked, timeline.step, span))
    found = [with_calendar(one, timeline) for one in found]
    cut = Cut(
        _context(context, learned, horizon, timeline, table.source),
        horizon,
        timeline.season,
        timeline.ahead,
    )
    check_context(timeline, cut)
    cuts = tuple(
        int(steps[at]) if at < len(steps) else int(steps[-1]) + 1
        for at in (learned, learned + held["valid"])
    )
    stride = stride or far_apart(held["test"], horizon)
    parts, left_out = _parts(found, cut, (cuts[0], cuts[1]), stride, table.source)
    made = {part: windows(some, cut, timeline.channels) for part, some in parts.items()}
    signature = _signature(timeline, cut, made["train"].past)
    splits = {
        part: Split(one.past, one.targets, signature, one.names) for part, one in made.items()
    }
    about = {
        "left out": left_out,
        "decided": [
            *_told(found, timeline, cut, steps, parts, stride if held["test"] else 0),
            *_of_dates(asked, timeline),
            *notes,
            *(f"{one!r} is left out: {why}" for one, why in left_out.items()),
        ],
    }
    return Dataset(name, **splits, signature=signature, about=about)


def _held(steps: int, horizon: int, shares: dict[str, float], notes: list[str]) -> dict[str, int]:
    """How many steps validation and test have: their share, and enough to forecast from.

    Raises:
        UsageError: the shares leave nothing for training.
    """
    if min(shares.values()) < 0 or sum(shares.values()) >= 1:
        raise UsageError(
            f"valid={shares['valid']} and test={shares['test']} are not shares that leave "
            "something for training; expected both at least 0, together below 1"
        )
    held = {}
    for part, share in shares.items():
        own = round(share * steps)
        held[part] = max(own, horizon + LEAST - 1) if share else 0
        if held[part] > own:
            notes.append(
                f"{part}: {held[part]} steps instead of {own}, so that {LEAST} times "
                f"{horizon} steps can be forecast"
            )
    return held


def _context(given: int | None, learned: int, horizon: int, timeline: Timeline, source: str) -> int:
    """Steps of a window's past: as was said, else two seasons and three horizons, if there are.

    Raises:
        UsageError: there are too few steps to learn from.
    """
    least = max(timeline.season, horizon if timeline.ahead else 1, 2)
    room = learned - horizon - LEAST + 1
    context = given or min(max(2 * timeline.season, 3 * horizon, 8), max(room, least))
    if context > room:
        needed = learned - room + context
        raise UsageError(
            f"{source} is too short: {plural(timeline.step, max(learned, 0))} are left to learn "
            f"from, and horizon={horizon} with context={context} needs {needed}; give a smaller "
            "horizon=, context= or season=, or smaller valid= and test="
        )
    return context


def _parts(
    found: list[Course], cut: Cut, cuts: tuple[int, int], stride: int, source: str
) -> tuple[dict[str, list[tuple[Course, list[int], float]]], dict[str, str]]:
    """The points from which each series is forecast in each part, and the series left out.

    Raises:
        UsageError: no series is long enough, or one is constant.
    """
    parts: dict[str, list[tuple[Course, list[int], float]]] = {
        "train": [], "valid": [], "test": [],
    }  # fmt: skip
    left_out: dict[str, str] = {}
    counts = [sum(1 for _ in origins(one, cut, 0, bounds(one, cuts)[0])) for one in found]
    every = thinned(counts, cut, found[0].values.shape[1])
    for course in found:
        first, second = bounds(course, cuts)
        ends_of = {
            "train": list(origins(course, cut, 0, first, every)),
            "valid": list(origins(course, cut, first, second)),
            "test": list(origins(course, cut, second, course.end, stride)),
        }
        if not any(ends_of.values()):
            left_out[course.name] = f"too short, {course.end} steps"
            continue
        unit = unit_of(course, first, cut.season, source)
        for part, ends in ends_of.items():
            if ends:
                parts[part].append((course, ends, unit))
    if not parts["train"]:
        longest = max(one.end for one in found)
        raise UsageError(
            f"{source}: no series is long enough: the longest has {longest} steps, and "
            f"context={cut.context} with horizon={cut.horizon} needs more before the parts for "
            "validation and test; give a smaller context= or horizon="
        )
    return parts, left_out


def _signature(timeline: Timeline, cut: Cut, past: Tensor) -> Signature:
    """Ports with the statistics of the training windows, the same for all series."""
    port = Port("past", "series", tuple(past.shape[1:]), timeline=timeline)
    port = measured(port, past)
    answer: Any = {"mean": port.mean[:1], "std": port.std[:1], "task": "forecast"}
    return Signature((port,), (Port(timeline.target, "value", (cut.horizon, 3), **answer),))


def _told(
    found: list[Course],
    timeline: Timeline,
    cut: Cut,
    steps: np.ndarray,
    parts: dict[str, list[tuple[Course, list[int], float]]],
    stride: int,
) -> list[str]:
    """What the series are and how they are cut, in lines."""
    many = f"{len(found)} series" if timeline.by else "one series"
    first, last = shown(int(steps[0])), shown(int(steps[-1]))
    repeats = f"season {cut.season}" if cut.season > 1 else "no season"
    lines = [
        f"{many} of {timeline.target!r}, a value each {timeline.step} from {first} to {last}; "
        f"{repeats} (season= says otherwise)",
        f"from {plural(timeline.step, cut.context)} the next {cut.horizon} are forecast (context=, "
        "horizon=)",
    ]
    begins = [
        f"{part} from {shown(min(int(one.times[ends[0]]) for one, ends, _ in some))}"
        for part, some in parts.items()
        if some and part != "train"
    ]
    if begins:
        apart = f", forecast every {stride} steps" if stride > 1 else ""
        lines.append(f"parted by time: {', '.join(begins)}{apart}")
    if 0 < stride < cut.horizon:
        lines.append(
            f"test windows overlap, {stride} of {cut.horizon} steps apart: their errors hang "
            "together, and intervals of figures are too narrow"
        )
    return lines


def _of_dates(asked: tuple[str, ...], timeline: Timeline) -> list[str]:
    """What of the calendar is learned from, if anybody wanted that."""
    if timeline.calendar:
        return [f"learned from the dates, too: {', '.join(timeline.calendar)} (calendar=)"]
    return ["nothing of the calendar is seen twice in training"] if "auto" in asked else []
