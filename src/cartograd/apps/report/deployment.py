"""What it costs to run: size and latency here, and whether an export says the same."""

from dataclasses import dataclass

from cartograd.apps.answers import units
from cartograd.apps.report.parts import Section, Table, table


@dataclass(frozen=True)
class Runtime:
    """A model as it runs in one place.

    Attributes:
        name: of the runtime.
        size: bytes of the file or the weights.
        latency: seconds for the same examples everywhere (median).
        difference: largest difference of its outputs from torch's; `None` for torch itself.
    """

    name: str
    size: int
    latency: float
    difference: float | None = None


def deployment(runtimes: list[Runtime], /, *, parameters: int, examples: int = 1) -> Section | None:
    """A row for each runtime.

    Args:
        runtimes: torch first.
        parameters: how many numbers the model learned.
        examples: how many went through at once.
    """
    if not runtimes:
        return None
    first = runtimes[0].latency
    rows = [
        [
            runtime.name,
            units.size(runtime.size),
            units.seconds(runtime.latency),
            f"{first / runtime.latency:.1f}×",
            "" if runtime.difference is None else units.number(runtime.difference),
        ]
        for runtime in runtimes
    ]
    head = [
        "runtime",
        "size",
        "time for one example" if examples == 1 else f"time for {examples} examples",
        "speed",
        "largest difference",
    ]
    lead = (
        f"{parameters:,} parameters. Times are medians on the machine that wrote this report; the "
        "difference is the largest among all outputs on real inputs."
    )
    return Section("deployment", "Size and speed", lead, table(Table(head, rows)))
