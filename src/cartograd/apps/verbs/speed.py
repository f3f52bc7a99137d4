"""How fast a run was, beside what the machine could do; noted in the run's events."""

from pathlib import Path

from cartograd.apps.load.runs import speed_of
from cartograd.apps.verbs.plan import Plan
from cartograd.engine.device.device import EMULATED, check_precision, pick
from cartograd.engine.device.peak import DTYPES, peak
from cartograd.engine.logging.run_folder import note, read_lines

STEP = ("forward", "backward", "optimizer")


def note_speed(plan: Plan, folder: Path, /) -> None:
    """Add the event `speed`: operations of a step for one example, their rate and the peak.

    The rehearsal counted the operations; nothing is noted where it could not, or where they were
    emulated.
    """
    events = read_lines(folder / "events.jsonl")
    timing = speed_of(events)
    seconds = sum(timing.phases.get(phase, 0.0) for phase in STEP)
    each = next((e["flops"] for e in reversed(events) if e.get("flops")), None)
    if not timing.examples or not seconds or each is None:
        return
    device = pick(plan.value("device"))
    precision = check_precision(plan.value("precision"), device)
    if precision in EMULATED:
        return
    reached = each * timing.examples / seconds
    most = peak(precision if precision in DTYPES else "float32", device, at_least=reached)
    note(folder, "speed", flops=round(each, 1), reached=round(reached), peak=round(most))
