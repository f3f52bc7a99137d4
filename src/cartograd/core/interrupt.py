"""Ctrl-C and SIGTERM of any command: what was begun is taken away, and the process ends in order.

Loops that save before they end (`cartograd.engine.device.signals`) handle both by themselves.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """A signal asked us to stop.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int, /) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = 128 + number
        """The exit code that tells of it."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Within, the first SIGINT or SIGTERM raises `Stopped`; the second ends the process at once.

    A library that catches what is raised (torch's exporter does), and fails for another reason
    afterwards or goes on to its end, was stopped all the same: whoever sent the signal waits for
    the exit code that tells of it.

    A signal that is ignored stays so (`nohup`, a job in the background of a script). Outside of the
    main thread Python delivers no signals and this does nothing.
    """
    before, heard = {}, len(_HEARD)
    if threading.current_thread() is threading.main_thread():
        asked = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, _stop) for number in asked}
    _WITHIN.append(True)
    try:
        yield
        _tell(heard)
    except Exception as error:
        _tell(heard, error)
        raise
    finally:
        _WITHIN.pop()
        del _HEARD[heard:]
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def end_command(name: str, /) -> None:
    """End the command within which a loop noted a signal and saved nothing to go on from.

    What a loop leaves half done is no result for whoever called it: a claim would be judged by
    models that have not learned. In a program of one's own nothing happens; it looks by itself.

    Args:
        name: of the signal.

    Raises:
        Stopped: a command is under way.
    """
    if _WITHIN:
        raise Stopped(signal.Signals[name])


def end_at_once() -> None:
    """From now on a signal ends the process without a word, as while it closes down."""
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


_HEARD: list[int] = []
"""The signals that came and that no exception has told of outside of its block yet."""
_WITHIN: list[bool] = []
"""An entry for each `stoppable` block that has begun and not ended."""


def _tell(heard: int, error: Exception | None = None) -> None:
    """Raise what was heard since there were so many signals, though a library has swallowed it."""
    if len(_HEARD) > heard:
        raise Stopped(_HEARD[-1]) from error


def _stop(number: int, _: FrameType | None) -> None:
    _HEARD.append(number)
    end_at_once()
    raise Stopped(number)
