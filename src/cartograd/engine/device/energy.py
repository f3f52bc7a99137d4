"""Energy that the processor took while something was done, where the machine tells it (RAPL).

Linux shows counters of microjoules, one for each package of processors, that begin again at a
largest value. They count all that the package does, other programs' work as well.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

COUNTERS = Path("/sys/class/powercap")
"""Where Linux shows them."""

MICRO = 1e-6


def joules(done: Callable[[], Any], /) -> tuple[float | None, str]:
    """Joules that the packages took during a call; or None, and why that cannot be said.

    Args:
        done: what is called; not at all where there are no counters.
    """
    zones = [one for one in sorted(COUNTERS.glob("intel-rapl:*")) if one.name.count(":") == 1]
    if not zones:
        return None, f"this machine shows no counters of energy ({COUNTERS}/intel-rapl:*)"
    try:
        before = [_told(one, "energy_uj") for one in zones]
        largest = [_told(one, "max_energy_range_uj") for one in zones]
        done()
        after = [_told(one, "energy_uj") for one in zones]
    except PermissionError:
        return None, f"{zones[0]}/energy_uj may be read by the administrator alone"
    except (OSError, ValueError) as error:
        return None, f"{zones[0]} cannot be read: {error}"
    spent = [(b - a) % most for a, b, most in zip(before, after, largest, strict=True)]
    return sum(spent) * MICRO, ""


def _told(zone: Path, name: str) -> int:
    return int((zone / name).read_text(encoding="ascii"))
