"""What a run would be, or would cost: the settings with their origins, or shapes and minutes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cartograd.apps.cli import output

if TYPE_CHECKING:
    from torch import nn


def show_plan(
    model: "str | nn.Module | None",
    data: str | None,
    folder: Path | None,
    resume: bool,
    given: dict[str, Any],
    cost: bool,
    json: bool,
    seeds: int | None = None,
) -> int:
    """What a run would be, or would cost; of several seeds each is one such run."""
    from cartograd.apps.load.named import resumed
    from cartograd.apps.verbs.plan import planned

    if resume:
        model, _, given["config"] = resumed(model, folder, given["config"])
    if seeds is not None:
        from cartograd.apps.verbs.repeat import check_seeds

        check_seeds(seeds)
        output.note(f"one of {seeds} trainings, one after the other; the numbers are of each")
    if cost:
        return _show_cost(model, data, given, json)
    return _show_config(planned(model, data, meta=True, **given), json)


def _show_config(plan: Any, json: bool) -> int:
    found = plan.words() | plan.details()
    if json:
        output.emit({key: {"value": x.value, "from": x.origin} for key, x in found.items()})
    else:
        rows = [(key, _text(item.value), item.origin) for key, item in found.items()]
        output.table(("setting", "value", "from"), rows)
    return 0


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return "[" + ", ".join(map(str, value)) + "]" if isinstance(value, tuple) else str(value)


def _show_cost(model: Any, data: Any, given: dict[str, Any], json: bool) -> int:
    from cartograd.apps.answers import units
    from cartograd.apps.verbs.cost import costed, probe
    from cartograd.apps.verbs.plan import planned
    from cartograd.core.memory import available

    plan, costs = costed(model, data, **given)
    for line in plan.told:
        output.note(line)
    free = available()
    fits = not free or costs.total < free
    again = planned(model, data, **given) if fits else None
    for line in [] if again is None else again.told:
        if line not in plan.told:  # what takes numbers to know, such as the account of privacy
            output.note(line)
    step, seconds, timed = (None, None, 0) if again is None else probe(again, costs.flops)
    if json:
        layers = [vars(layer) for layer in costs.layers]
        times = {"seconds_per_step": step, "minutes": None if seconds is None else seconds / 60}
        times |= {"examples_timed": timed}
        numbers = {"parameters": costs.parameters, "flops_per_example": costs.flops}
        memory = {"memory": costs.memory | {"total": costs.total}, "memory_free": free or None}
        output.emit({"layers": layers} | numbers | memory | {"steps": costs.steps} | times)
        return 0
    rows = [
        (x.name, x.kind, " x ".join(map(str, x.shape)), f"{x.parameters:,}") for x in costs.layers
    ]
    output.table(("layer", "kind", "gives", "parameters"), rows, right=("parameters",))
    memory = ", ".join(f"{key} {units.size(size)}" for key, size in costs.memory.items())
    lines = [
        ("parameters", f"{costs.parameters:,}"),
        ("work", f"{costs.flops / 1e6:,.3g} MFLOP for each example in a step"),
        ("memory", f"{units.size(costs.total)} ({memory})"),
        (
            "steps",
            f"{costs.steps:,} ({_epochs(plan)})",
        ),
    ]
    lines.append(("time", f"not measured: only {units.size(free)} of memory are free"))
    if step is not None and seconds is not None:
        of = min(plan.value("batch_size"), len(plan.data.train))
        part = f", from {timed} of its {of} examples" if timed < of else ""
        told = f"about {units.seconds(seconds)} here ({units.seconds(step)} a step{part})"
        lines[-1] = ("time", told)
    output.lines(lines)
    return 0


def _epochs(plan: Any) -> str:
    """The steps of a run, as epochs of batches or as rounds."""
    if plan.value("federated") is not None:
        return f"{plan.value('epochs')} rounds"
    return f"{plan.value('epochs')} epochs of {len(plan.batches())} batches"
