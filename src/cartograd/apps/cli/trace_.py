"""A tiny network's forward and backward pass, step by step, beside the notes' numbers.

`trace descent` runs gradient descent in its three variants instead, `trace field`, `filters` and
`maps` show convolutions, `gates` and `alignment` recurrent networks. The exit code is 1 if a number
is neither the notes' nor explained.
"""

from pathlib import Path
from typing import Any

from cartograd.apps.cli import output
from cartograd.core.errors import UsageError, unknown

KNOWN = ("notes", "descent", "field", "filters", "maps", "gates", "alignment")
LOOKS = ("maps", "gates", "alignment")
"""Those that need a trained model and something for it to read."""


def trace_(
    what: str = "notes",
    target: str | None = None,
    source: str | None = None,
    /,
    *,
    size: int = 32,
    out: Path | None = None,
    json: bool = False,
) -> int:
    """A tiny network's forward and backward pass, step by step, beside the notes' numbers.

    Args:
        what: notes; descent: batch, mini-batch and stochastic gradient descent on digits; field:
            what each layer of an image MODEL sees; filters: Sobel, Gauss and pyramids as
            convolutions; maps: what the convolutions of a TARGET answer to a PICTURE; gates: those
            of a recurrent TARGET along a SOURCE; alignment: where a seq2seq TARGET looks in it.
        target: of field a model, like resnet20; else a run, a bundle or published weights.
        source: a picture or a text.
        size: of field the image's pixels.
        out: the PNG file to draw to; maps, gates and alignment draw to WHAT.png by themselves.
        json: print one array of steps.
    """
    if what not in KNOWN:
        raise unknown("trace", what, KNOWN)
    _check(what, target, source, out)
    if what == "descent":
        return _descent(out, json)
    if what != "notes":
        from cartograd.apps.cli import images, sequences

        path = out or Path(f"{what}.png")
        return {
            "field": lambda: images.field(target or "lenet5", size, json),
            "filters": lambda: images.filters(out, json),
            "maps": lambda: images.maps(str(target), str(source), path, json),
            "gates": lambda: sequences.gates(str(target), str(source), path, json),
            "alignment": lambda: sequences.alignment(str(target), str(source), path, json),
        }[what]()
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


def _check(what: str, target: str | None, source: str | None, out: Path | None) -> None:
    """Refuse words that a trace has no use for, and ask for those that it lacks."""
    wanted = {"field": (target, None)}.get(what, (None, None))
    if what in LOOKS:
        wanted = (target, source)
    if (target, source) != wanted:
        raise UsageError(f"trace {what} takes fewer words; it is alone, or: trace field MODEL")
    if what in LOOKS and not (target and source):
        of = "a picture" if what == "maps" else "something to read"
        raise UsageError(f"trace {what} needs a model and {of}: trace {what} TARGET SOURCE")
    if out is not None and what in ("notes", "field"):
        raise UsageError(
            f"trace {what} has no picture; --out is for: descent, filters, {', '.join(LOOKS)}"
        )


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
