"""A tiny network's forward and backward pass, step by step, beside the notes' numbers.

The exit code is 1 if a number is neither the notes' nor explained.
"""

from typing import Any

from cartograd.apps.cli import output


def trace_(*, json: bool = False) -> int:
    """A tiny network's forward and backward pass, step by step, beside the notes' numbers.

    Args:
        json: print one array of steps.
    """
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


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_shown(item) for item in value) + "]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
