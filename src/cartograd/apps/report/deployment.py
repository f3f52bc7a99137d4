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
        half: between which seconds half of the calls were.
        speed: that of the first one so many times, with its 95 % interval; `None` for the first.
        difference: largest difference of its outputs from torch's; `None` for torch itself.
    """

    name: str
    size: int
    latency: float
    half: tuple[float, float] | None
    speed: tuple[float, float, float] | None = None
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
    rows = [
        [
            runtime.name,
            units.size(runtime.size),
            units.took(runtime.latency, runtime.half),
            "" if runtime.speed is None else f"{units.times(*runtime.speed)} as fast",
            "" if runtime.difference is None else units.number(runtime.difference),
        ]
        for runtime in runtimes
    ]
    head = [
        "runtime",
        "size",
        "time for one example" if examples == 1 else f"time for {examples} examples",
        "beside the first",
        "largest difference",
    ]
    lead = (
        f"{parameters:,} parameters. Times are medians on the machine that wrote this report, with "
        "the middle half of the calls; ratios are of calls in turns, with their 95 % interval; the "
        "difference is the largest among all outputs on real inputs."
    )
    return Section("deployment", "Size and speed", lead, table(Table(head, rows)))
