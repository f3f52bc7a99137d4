"""Budget: the end of a training after so many seconds of the processor, and rates to match."""

import math
import time

from cartograd.engine.logging.view import View

RISE = 0.1
"""Share of the seconds in which the rate rises."""


class Budget:
    """Ends a run at the first step at which its seconds are spent, validation counted in.

    It counts the processor seconds of this process, which other programs change little. The epoch
    ends there, and is validated and recorded. A callback of `fit`; it changes nothing but the end,
    unless `factor` is also given as the schedule.

    Args:
        seconds: of the processor.
    """

    def __init__(self, seconds: float, /) -> None:
        self.seconds, self.begun, self.spent = seconds, 0.0, 0.0

    def on_start(self, _: View) -> None:
        """Begin to count."""
        self.begun = time.process_time()

    def on_step(self, view: View) -> None:
        """Ask for the end where it has come."""
        self.spent = time.process_time() - self.begun
        if self.spent >= self.seconds:
            view.stop()

    def factor(self, _: float, /) -> float:
        """The factor of a rate: up in the first tenth of the seconds, then half a cosine to 0.

        A schedule of `fit` for runs that end with their seconds, after nobody knows how many steps.

        >>> budget = Budget(10.0)
        >>> budget.spent = 5.5
        >>> round(budget.factor(7), 6)
        0.5
        """
        share = min(1.0, self.spent / self.seconds)
        if share < RISE:
            return max(share, RISE / 10) / RISE
        return 0.5 * (1 + math.cos(math.pi * (share - RISE) / (1 - RISE)))

    def on_end(self, _: View) -> None:
        """Count what the last validation took."""
        self.spent = time.process_time() - self.begun
