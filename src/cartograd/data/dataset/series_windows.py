"""Series as examples: windows of a past and the steps after it, parted by time.

The last steps are for testing, those before them for validation; a window belongs to the part that
all its steps to come are in, so nothing that is learned from lies after what is tested. Its past
may reach into the part before. Known columns come moved by the horizon: beside each step of the
past stands what is known of the step that is a horizon later.

A target has three numbers for each step: the value, what the season before was (the forecast of
`seasonal-naive`), and the unit of errors of its series: how far that forecast is off, on average
over the training part.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.timeline import Timeline
from cartograd.data.decode.series_rows import past_of
from cartograd.data.decode.series_table import Course
from cartograd.data.decode.steps import shown

ORIGINS = 20
"""From so many points in time, at least, each series is forecast in the test part, if it can be."""

NUMBERS = 2**26
"""Most numbers of the training windows; of longer series every second, third, ... is taken."""


@dataclass(frozen=True)
class Cut:
    """How series become windows.

    Attributes:
        context: steps of a window's past.
        horizon: steps to come.
        season: steps after which things repeat.
        known: how many columns, the last ones, are known ahead.
    """

    context: int
    horizon: int
    season: int
    known: int = 0


@dataclass(frozen=True)
class Windows:
    """The windows of one part.

    Attributes:
        past: values, the target first and known columns moved.
        targets: value, seasonal value and unit of each step to come.
        names: series and first step to come of each.
    """

    past: Float[Tensor, "n c s"]
    targets: Float[Tensor, "n t 3"]
    names: list[str]


def seasonal(target: Float[np.ndarray, " t"], end: int, cut: Cut, /) -> Float[np.ndarray, " s"]:
    """The values one season (or more, where the horizon is longer) before the steps to come."""
    steps = np.arange(cut.horizon)
    return target[end + steps - cut.season * (steps // cut.season + 1)]


def unit_of(course: Course, train_end: int, season: int, source: str, /) -> float:
    """How far the value of a season before is off on average, up to the end of the training.

    Raises:
        UsageError: the series is constant, or repeats itself exactly.
    """
    target = course.target
    of = f" {course.name!r}" if course.name else ""
    if np.ptp(target) == 0:
        raise UsageError(
            f"{source}: the series{of} is {target[0]:g} throughout; there is nothing to forecast"
        )
    own = target[: train_end if train_end > season + 1 else None]
    unit = float(np.abs(own[season:] - own[:-season]).mean()) if len(own) > season else 0.0
    if unit == 0:
        raise UsageError(
            f"{source}: the series{of} repeats itself exactly after {season} steps (season="
            f"{season}) in the training part; there is nothing to learn, or season= is wrong"
        )
    return unit


def windows(chosen: list[tuple[Course, list[int], float]], cut: Cut, channels: int, /) -> Windows:
    """Windows of series.

    Args:
        chosen: of each series the first steps to come, and its unit of errors.
        cut: how they are cut.
        channels: columns of a series.
    """
    past, targets, names = [], [], []
    for course, origins, unit in chosen:
        for end in origins:
            past.append(
                past_of(
                    course.values, end, context=cut.context, horizon=cut.horizon, known=cut.known
                )
            )
            right = course.target[end : end + cut.horizon]
            told = seasonal(course.target, end, cut)
            targets.append(np.stack([right, told, np.full(cut.horizon, unit)], 1))
            names.append(f"{course.name} from {shown(int(course.times[end]))}".strip())
    shapes = (channels, cut.context), (cut.horizon, 3)
    return Windows(_tensor(past, shapes[0]), _tensor(targets, shapes[1]), names)


def origins(course: Course, cut: Cut, start: int, stop: int, stride: int = 1, /) -> Iterator[int]:
    """The first steps to come of windows whose steps to come are all from `start` to `stop`."""
    last = min(stop, course.end) - cut.horizon
    yield from range(max(start, cut.context), last + 1, stride)


def thinned(counts: list[int], cut: Cut, channels: int, /) -> int:
    """Steps between training windows, so that these fit into memory."""
    size = channels * cut.context + 3 * cut.horizon
    return max(1, -(-sum(counts) * size // NUMBERS))


def far_apart(steps: int, horizon: int, /) -> int:
    """Steps between the points from which a part is forecast: a horizon, if it is long enough."""
    return max(1, min(horizon, (steps - horizon) // (ORIGINS - 1)))


def bounds(course: Course, cuts: tuple[int, int], /) -> tuple[int, int]:
    """Where validation and test begin in a series, by their times."""
    first, second = (int(np.searchsorted(course.times, one)) for one in cuts)
    return first, second


def grid(courses: list[Course], /) -> Int[np.ndarray, " t"]:
    """All times at which a series has a value, sorted."""
    return np.unique(np.concatenate([one.times[: one.end] for one in courses]))


def check_context(timeline: Timeline, cut: Cut, /) -> None:
    """Refuse a past that is too short for what is read from it.

    Raises:
        UsageError: it is shorter than the season, or than the horizon where columns are known.
    """
    if cut.context < cut.season:
        raise UsageError(
            f"context={cut.context} is shorter than season={cut.season}, which is looked back; "
            f"expected at least {cut.season}, or season=1"
        )
    if timeline.known and cut.context < cut.horizon:
        raise UsageError(
            f"context={cut.context} is shorter than horizon={cut.horizon}, whose known columns "
            f"stand beside the past; expected at least {cut.horizon}"
        )


def _tensor(rows: list[np.ndarray], shape: tuple[int, ...]) -> Tensor:
    whole = np.stack(rows) if rows else np.zeros((0, *shape))
    return torch.from_numpy(whole.astype(np.float32))
