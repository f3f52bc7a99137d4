"""Where a run's time went, and how near it came to what the machine can do."""

from typing import TYPE_CHECKING

from cartograd.apps.answers import units
from cartograd.apps.report.parts import Section, Table, table

if TYPE_CHECKING:
    from cartograd.apps.load.runs import Speed


def speed(found: "Speed", /) -> Section | None:
    """Seconds per phase with their shares; examples a second, memory, share of the peak."""
    total = sum(found.phases.values())
    if not total:
        return None
    rows = [
        [phase, units.seconds(seconds), units.percent(seconds / total)]
        for phase, seconds in found.phases.items()
    ]
    told = []
    if found.per_second:
        told.append(f"{units.number(found.per_second)} examples a second in training.")
    if found.memory:
        told.append(f"The process held {units.size(found.memory)} of memory at most.")
    if found.reached and found.peak and found.share is not None:
        told.append(
            f"The steps made {found.reached / 1e9:,.3g} GFLOP/s, {units.percent(found.share)} of "
            f"the {found.peak / 1e9:,.3g} GFLOP/s that this machine reaches at best, in the same "
            "number format and with as many threads."
        )
    return Section("speed", "Time", " ".join(told), table(Table(["phase", "time", "share"], rows)))
