"""Where a run's time went, and how near it came to what the machine can do."""

from typing import TYPE_CHECKING

from cartograd.apps.answers import units
from cartograd.apps.report.parts import Section, Table, table

if TYPE_CHECKING:
    from cartograd.apps.load.runs import Speed


def speed(timing: "Speed", /) -> Section | None:
    """Seconds per phase with their shares; examples a second, memory, share of the peak."""
    total = sum(timing.phases.values())
    if not total:
        return None
    rows = [
        [phase, units.seconds(seconds), units.percent(seconds / total)]
        for phase, seconds in timing.phases.items()
    ]
    told = []
    if timing.rate:
        told.append(f"{timing.rate}.")
    if timing.memory:
        told.append(f"The process held {units.size(timing.memory)} of memory at most.")
    if timing.reached and timing.peak and timing.share is not None:
        told.append(
            f"The steps made {timing.reached / 1e9:,.3g} GFLOP/s, {units.percent(timing.share)} of "
            f"the {timing.peak / 1e9:,.3g} GFLOP/s that this machine reaches at best, in the same "
            "number format and with as many threads."
        )
    return Section("speed", "Time", " ".join(told), table(Table(["phase", "time", "share"], rows)))
