"""How fast a run was, beside what the machine could do; noted in the run's events."""

from pathlib import Path

from cartograd.apps.load.runs import speed_of
from cartograd.apps.verbs.plan import Plan
from cartograd.engine.device.device import check_precision, pick
from cartograd.engine.device.peak import DTYPES, peak
from cartograd.engine.inputs.stream import examples
from cartograd.engine.logging.run_folder import note, read_lines
from cartograd.training.diagnosis.flops import flops

STEP = ("forward", "backward", "optimizer")


def note_speed(plan: Plan, folder: Path, /) -> None:
    """Add the event `speed`: operations of a step for one example, their rate and the peak.

    Nothing is noted where the operations cannot be counted without making them.
    """
    timing = speed_of(read_lines(folder / "events.jsonl"))
    seconds = sum(timing.phases.get(phase, 0.0) for phase in STEP)
    if not timing.examples or not seconds:
        return
    batch = next(iter(plan.batches().epoch(0, seed=plan.value("seed"))))
    count = flops(plan.objective, batch)
    if not count:
        return
    each = count / examples(batch)
    device = pick(plan.value("device"))
    precision = check_precision(plan.value("precision"), device)
    reached = each * timing.examples / seconds
    most = peak(precision if precision in DTYPES else "float32", device, at_least=reached)
    note(folder, "speed", flops=round(each, 1), reached=round(reached), peak=round(most))
