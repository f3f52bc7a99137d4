"""Ctrl-C and SIGTERM: finish the step, save, and say how to go on. SIGUSR1: save and go on."""

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from cartograd.core.system import SAVE


class Stop:
    """Notes that a signal asked us to stop or to save; loops look at it between steps.

    A second SIGINT or SIGTERM gets the handling that was there before, so it ends the process at
    once. Outside of the main thread Python delivers no signals and this does nothing.

    Args:
        alone: whether a signal counts at once (a single process); else the process group sets
            `asked` from `noted`.

    Attributes:
        asked: the signal that asked us to stop (SIGINT or SIGTERM), if one did.
        noted: the same, as soon as it came to this process.
        save: whether SIGUSR1 asked for a checkpoint; whoever saves sets it back.
    """

    SIGNALS = tuple(one for one in (signal.SIGINT, signal.SIGTERM, SAVE) if one is not None)

    def __init__(self, *, alone: bool = True) -> None:
        self.alone = alone
        self.noted: str | None = None
        self.asked: str | None = None
        self.save = self._came = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in self.SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def _note(self, number: int, _: FrameType | None) -> None:
        if number == SAVE:
            self.save = True
            return
        if (
            not self._came
        ):  # the first that came to this process, though others may have told of one
            self._came = True
            self.noted = self.noted or signal.Signals(number).name
            if self.alone:
                self.asked = self.noted
            return
        self._restore()
        os.kill(os.getpid(), number)

    def _restore(self) -> None:
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
