"""The processes of a run end with who started them, so that none is left over.

A launcher that is killed cannot tell its processes. So each looks twice a second whether its parent
is still there; where it is not, the process sends itself SIGTERM, at which all of a run agree on a
step, save and end, and ends in any case after `GRACE` seconds. The worker processes of a DataLoader
look by themselves whether theirs is there.
"""

import os
import signal
import threading
import time

PARENT = "CARTOGRAD_PARENT"
"""The variable with the number of the process that started this one and waits for it."""
GRACE = 20.0
"""Seconds to end by oneself."""
LOOK = 0.5
"""Seconds between two looks."""

_watched: list[int] = []
"""The process that is watched."""


def end_with_parent() -> None:
    """Watch who started this process, if it is a launcher: ours, or torchrun."""
    if _watched:
        return
    given = os.environ.get(PARENT, "")
    if given.isdigit():
        _watched.append(int(given))
    elif "TORCHELASTIC_RUN_ID" in os.environ:
        _watched.append(os.getppid())
    else:  # somebody's own script, which may well end before us
        return
    threading.Thread(target=_watch, args=_watched, name="cartograd-parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(128 + signal.SIGTERM)
