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

    A library that catches what is raised (torch's exporter does) and fails for another reason
    afterwards was stopped all the same.

    A signal that is ignored stays so (`nohup`, a job in the background of a script). Outside of the
    main thread Python delivers no signals and this does nothing.
    """
    before, heard = {}, len(_HEARD)
    if threading.current_thread() is threading.main_thread():
        asked = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, _stop) for number in asked}
    try:
        yield
    except Exception as error:
        if len(_HEARD) > heard:
            raise Stopped(_HEARD[-1]) from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def end_at_once() -> None:
    """From now on a signal ends the process without a word, as while it closes down."""
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


_HEARD: list[int] = []
"""The signals that came."""


def _stop(number: int, _: FrameType | None) -> None:
    _HEARD.append(number)
    end_at_once()
    raise Stopped(number)
