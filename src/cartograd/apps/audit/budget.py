"""How many examples each section takes: as many as its share of the minutes allows, by a pilot.

Each section is run on a few examples first and timed. What is left of the minutes is dealt out by
the weights of the sections that are still to come, so that what one saves the others have. The
pilot counts; a section is never given fewer examples than it.

    n = share / (seconds of the pilot / examples of the pilot)

>>> Budget(minutes=1.0, clock=lambda: 0.0).share(2.0, left=8.0)
15.0
>>> counted(seconds=15.0, pilot=1.0, examples=8, most=1000)
112
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


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


def counted(*, seconds: float, pilot: float, examples: int, most: int) -> int:
    """How many examples there is time for.

    Args:
        seconds: what there is.
        pilot: seconds that the pilot took, which are spent.
        examples: of the pilot.
        most: that there are.
    """
    each = max(pilot, 1e-6) / examples
    return int(min(most, max(examples, (seconds - pilot) / each)))
