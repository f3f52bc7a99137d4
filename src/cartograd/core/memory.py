"""How much memory this machine has left."""

import os
import re
import sys
from pathlib import Path


def available() -> int:
    """Bytes that a program can still take without swapping, or 0 where it is not known."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        text = ""
    found = re.search(r"^MemAvailable:\s*(\d+) kB", text, re.MULTILINE)
    if found is not None:
        return int(found[1]) * 1024
    names = ("SC_AVPHYS_PAGES", "SC_PAGE_SIZE")
    if sys.platform == "win32" or not all(name in os.sysconf_names for name in names):
        return 0
    return os.sysconf(names[0]) * os.sysconf(names[1])
