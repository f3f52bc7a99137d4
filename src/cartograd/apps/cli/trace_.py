"""A tiny network's forward and backward pass, step by step, beside the notes' numbers.

`trace descent` runs gradient descent in its three variants instead. The exit code is 1 if a number
is neither the notes' nor explained.
"""

from pathlib import Path
from typing import Any

from cartograd.apps.cli import output
from cartograd.core.errors import UsageError, unknown


def trace_(what: str = "notes", /, *, out: Path | None = None, json: bool = False) -> int:
    """A tiny network's forward and backward pass, step by step, beside the notes' numbers.

    Args:
        what: notes, or descent: batch, mini-batch and stochastic gradient descent on digits.
        out: the PNG file to draw the descents' losses to.
        json: print one array of steps.
    """
    if what == "descent":
        return _descent(out, json)
    if what != "notes":
        raise unknown("trace", what, ("notes", "descent"))
    if out is not None:
        raise UsageError("the notes' trace has no picture; --out is for: trace descent")
    from cartograd.evidence.trace import trace

    steps = trace()
    wrong = [step for step in steps if step.agrees is False and not step.remark]
    if json:
        output.emit([step.to_json() for step in steps])
        return 1 if wrong else 0
    for number, step in enumerate(steps, start=1):
        state = {True: "agrees", False: "differs", None: ""}[step.agrees]
        print(f"{number:>2}. {step.name}: {step.formula}")
        print(f"    {_shown(step.ours)}")
        for word, value in (("notes", step.notes), ("autograd", step.autograd)):
            if value not in (None, ()):
                print(f"    {word}: {_shown(value)}  {state}")
        if step.remark:
            print(f"    {step.remark}")
    return 1 if wrong else 0


def _descent(out: Path | None, json: bool) -> int:
    from cartograd.training.optimizers.gd import descent

    found = descent()
    if out is not None:
        from cartograd.apps.cli import pictures

        lines = {f"{one.name} ({one.steps} steps)": list(one.losses) for one in found}
        pictures.lines(out, lines, "Three gradient descents on digits", ("epoch", "training loss"))
    if json:
        output.emit([one.to_json() for one in found])
        return 0
    columns = (
        "descent",
        "examples a step",
        "steps",
        "loss after 1 epoch",
        "at the end",
        "steps up",
    )
    rows = []
    for one in found:
        after, end = (f"{loss:.3f}" for loss in (one.losses[1], one.losses[-1]))
        rows.append((one.name, one.batch_size, one.steps, after, end, f"{one.rises:.0%}"))
    output.table(columns, rows, right=columns[1:])
    if out is not None:
        print(f"picture  {out}")
    return 0


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_shown(item) for item in value) + "]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
