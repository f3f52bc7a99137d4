"""How many examples each section takes: as many as its share of the minutes allows, by pilots.

Each section is run on a few examples first and timed, and, where that left three quarters of its
time, on four times as many. The line through both says what each further example costs and what
the section costs anyway. What is left of the minutes is dealt out by the weights of the sections
that are still to come, so that what one saves the others have. Pilots count.

    n = (rest - a) / b   of   seconds = a + b n

>>> Budget(minutes=1.0, clock=lambda: 0.0).share(2.0, left=8.0)
15.0
>>> counted([(8, 1.0), (32, 2.0)], rest=12.0, most=10_000)
272
>>> counted([(8, 1.0)], rest=14.0, most=10_000)
112
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

FURTHER = 32
"""Times the last pilot's examples that its line is trusted for."""
STEP = 4
"""Times the first pilot's examples that the second has."""


@dataclass
class Budget:
    """The minutes, from the moment it is made.

    Attributes:
        minutes: to spend.
        clock: tells seconds.
    """

    minutes: float
    clock: Callable[[], float] = time.monotonic
    start: float = field(init=False)

    def __post_init__(self) -> None:
        self.start = self.clock()

    def share(self, weight: float, /, *, left: float) -> float:
        """The seconds of a section.

        Args:
            weight: of the section.
            left: weight of all that are to come, with this one.
        """
        rest = 60 * self.minutes - (self.clock() - self.start)
        return max(0.0, rest) * weight / left


def counted(pilots: Sequence[tuple[int, float]], /, *, rest: float, most: int) -> int:
    """How many examples there is time for: no fewer than the last pilot had.

    Args:
        pilots: examples and seconds of each, one or two.
        rest: seconds that are left.
        most: examples that there are.
    """
    n, seconds = pilots[-1]
    each, base = max(seconds, 1e-6) / n, 0.0
    if len(pilots) > 1:
        first, before = pilots[0]
        slope = (seconds - before) / (n - first)
        each = max(slope, each / FURTHER)
        base = max(0.0, seconds - each * n)
    return int(min(most, FURTHER * n, max(n, (rest - base) / each)))
