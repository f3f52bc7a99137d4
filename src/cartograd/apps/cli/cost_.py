"""What models cost to run here: time by batch, memory, size, energy, a price, ranked.

Predicted is the least time by what the machine can do; measured are all models in turns.
"""

from cartograd.apps.cli import output
from cartograd.apps.cli.common import File, Target
from cartograd.apps.cli.following import of_model
from cartograd.core.errors import UsageError


def cost_(
    target: Target,
    /,
    *others: Target,
    batches: str = "1,8,64",
    rate: float | None = None,
    out: File = None,
    json: bool = False,
) -> None:
    """What models cost to run here: time by batch, memory, size, energy, a price, ranked.

    Args:
        target: a run or bundle folder, an ONNX file, or published weights by name.
        others: more of them, which take the same inputs.
        batches: examples at once, between commas.
        rate: what an hour of this machine costs, in any currency, for the price of answers.
        out: a .svg or .png file: bandwidth from caches to memory, and work under the roofline.
        json: print one object.
    """
    counts = _counts(batches)
    from cartograd.apps.results.costs import check_picture
    from cartograd.apps.verbs.costs import costs

    if out is not None:
        check_picture(out)
    found = costs((target, *others), batches=counts, rate=rate)
    if out is not None:
        found.draw(out)
    if json:
        output.emit(found.to_json() | {"picture": None if out is None else str(out)})
        return
    head, rows = found.table()
    output.table(head, rows, right=head[2:])
    head, rows = found.batches()
    output.table(head, rows, right=head[1:5])
    picture = [] if out is None else [("picture", str(out))]
    output.lines([*found.lines(), *picture, *of_model("compress", target)])


def _counts(text: str) -> list[int]:
    """Whole numbers between commas.

    Raises:
        UsageError: one is none.
    """
    try:
        return [int(word) for word in text.split(",")]
    except ValueError as error:
        raise UsageError(f"--batches {text!r} are no numbers; expected some like 1,8,64") from error
