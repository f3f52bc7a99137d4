"""What the calendar says of a time: hour, day of the week, month, known however far ahead.

Each goes round, so that December is beside January: a sine and a cosine of its period.

>>> circled(np.array([0]), ("day_of_week",)).round(2).tolist()  # 1970 began on a Thursday
[[0.43, -0.9]]
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from cartograd.core.errors import unknown

DAY = 86_400
PERIODS = {"hour": DAY, "day_of_week": 7 * DAY, "month": 365 * DAY}
"""The seconds after which each begins anew."""

OF_A_DAY = ("hour", "day_of_week", "month")
BY_STEP = {"day": OF_A_DAY[1:], "week": OF_A_DAY[2:], "month": OF_A_DAY[2:],
           "quarter": OF_A_DAY[2:], "year": ()}  # fmt: skip
"""What can change from step to step; within a day all of it."""

SEEN = 2
"""Periods that have to lie in the training part for something to be learned of them."""


def chosen(given: Sequence[str], step: str, seconds: int, /) -> tuple[str, ...]:
    """What is asked of the calendar.

    Args:
        given: names, or `auto` alone: what the steps can tell apart and training saw twice.
        step: what lies between two rows.
        seconds: how long the training part is.

    >>> chosen(["auto"], "day", 3 * 365 * DAY), chosen(["auto"], "day", 300 * DAY)
    (('day_of_week', 'month'), ('day_of_week',))

    Raises:
        UsageError: a name is none.
    """
    if list(given) in ([], ["none"]):
        return ()
    for name in given:
        if name not in (*PERIODS, "auto"):
            raise unknown("part of the calendar", name, ("auto", "none", *PERIODS))
    if list(given) != ["auto"]:
        return tuple(name for name in PERIODS if name in given)
    unit = step.split()[-1].removesuffix("s")
    return tuple(
        name for name in BY_STEP.get(unit, OF_A_DAY) if seconds >= SEEN * PERIODS[name]
    )  # fmt: skip


def circled(times: Int[np.ndarray, " t"], names: Sequence[str], /) -> Float[np.ndarray, "t c"]:
    """A sine and a cosine of each.

    Args:
        times: seconds since 1970.
        names: of `PERIODS`.
    """
    moments = times.astype("datetime64[s]")
    shares = {
        "hour": times % DAY / DAY,
        "day_of_week": (times // DAY + 3) % 7 / 7,  # 1970 began on a Thursday
        "month": (moments.astype("datetime64[M]").astype(np.int64) % 12) / 12,
    }
    turns = [2 * np.pi * shares[name] for name in names]
    rows = [wave for turn in turns for wave in (np.sin(turn), np.cos(turn))]
    return np.stack(rows, 1) if rows else np.zeros((len(times), 0))
