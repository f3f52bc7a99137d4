"""Budget: the end of a training after so many seconds of the processor."""

import time

from cartograd.engine.logging.view import View


class Budget:
    """Ends a run at the first step at which its seconds are spent, validation counted in.

    It counts the processor seconds of this process, which other programs change little. The epoch
    ends there, and is validated and recorded. A callback of `fit`; it changes nothing but the end.

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

    def on_end(self, _: View) -> None:
        """Count what the last validation took."""
        self.spent = time.process_time() - self.begun
