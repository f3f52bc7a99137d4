"""The end of a training when the time of its search is up."""

from collections.abc import Callable
from dataclasses import dataclass

from cartograd.engine.logging.view import View


@dataclass(frozen=True)
class Until:
    """Ends a training when the time is up; the epoch ends there, and is validated.

    Attributes:
        up: tells whether it is.
    """

    up: Callable[[], bool]

    def on_step(self, view: View) -> None:
        """Ask for the end where it has come."""
        if self.up():
            view.stop()
