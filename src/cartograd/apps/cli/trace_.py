"""A tiny network's forward and backward pass, step by step, beside the notes' numbers.

`trace descent` runs gradient descent in its three variants instead, `trace field`, `filters` and
`maps` show convolutions, `gates` and `alignment` recurrent networks. The exit code is 1 if a number
is neither the notes' nor explained.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cartograd.apps.cli import output
from cartograd.apps.cli.common import File
from cartograd.apps.cli.following import following
from cartograd.apps.cli.names import naming
from cartograd.core.errors import UsageError
from cartograd.core.language import said

if TYPE_CHECKING:
    from cartograd.evidence.trace import Step

PLACES = {
    "notes": "autodiff", "descent": "optim/gd", "field": "cnn/receptive-field",
    "filters": "cnn/classical-filters", "maps": "cnn/receptive-field", "gates": "rnn/lstm",
    "alignment": "attention/bahdanau",
}  # fmt: skip
"""Where the map speaks of what each shows."""


def trace_(
    what: Annotated[str, naming("trace")] = "notes",
    target: Annotated[str | None, naming("traced")] = None,
    source: str | None = None,
    /,
    *,
    size: int = 32,
    out: File = None,
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
    from cartograd.apps.load.traces import LOOKS
    from cartograd.apps.verbs.trace import trace

    if out is not None and what in ("notes", "field"):
        raise UsageError(
            f"trace {what} has no picture; --out is for: descent, filters, {', '.join(LOOKS)}"
        )
    call: Any = trace
    found: Any = call(what, target, source, size=size)
    if what == "notes":
        return _notes(found, json)
    path = out or (Path(f"{what}.png") if what in LOOKS else None)
    if path is not None:
        found.draw(path)
    if json:
        told = found.to_json()
        output.emit({"picture": path} | told if what in LOOKS else told)
        return 0
    if what == "alignment":
        print(found.answer)
    else:
        sheet = found.sheet()
        output.table(sheet.columns, sheet.rows, right=sheet.right)
    if path is not None:
        output.say(f"picture  {path}")
    output.lines(following("learn", PLACES[what]))
    return 0


def _notes(steps: "tuple[Step, ...]", json: bool) -> int:
    wrong = [step for step in steps if step.agrees is False and not step.remark]
    if json:
        output.emit([step.to_json() for step in steps])
        return 1 if wrong else 0
    for number, step in enumerate(steps, start=1):
        state = said({True: "agrees", False: "differs", None: ""}[step.agrees])
        output.say(f"{number:>2}. {step.name}: {step.formula}")
        print(f"    {_shown(step.ours)}")
        for word, value in (("notes", step.notes), ("autograd", step.autograd)):
            if value not in (None, ()):
                print(f"    {said(word)}: {_shown(value)}  {state}")
        if step.remark:
            output.say(f"    {step.remark}")
    output.lines(following("learn", PLACES["notes"]))
    return 1 if wrong else 0


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_shown(item) for item in value) + "]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
