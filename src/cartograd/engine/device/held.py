"""How much memory the process takes at its peak while something is done."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cartograd.core.pages import trim

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET = "5"
"""What makes Linux forget the peak so far (proc(5))."""


def peak(done: Callable[[], Any], /) -> int | None:
    """Bytes held at the peak of a call beyond what was held before; None where it is not told.

    What earlier calls left with the allocator is given back first, so that it is not used again.

    Args:
        done: what is called.
    """
    trim()
    try:
        CLEAR.write_text(RESET, encoding="ascii")
        before = _told("VmRSS")
    except OSError:
        before = None
    done()
    most = _told("VmHWM") if before is not None else None
    return None if before is None or most is None else max(0, most - before)


def _told(word: str) -> int | None:
    """A line of the process's status, in bytes."""
    found = re.search(rf"^{word}:\s*(\d+) kB", STATUS.read_text(encoding="ascii"), re.MULTILINE)
    return None if found is None else 1024 * int(found[1])
