"""What may come next with the model of a report: commands to copy, each with what it tells."""

from collections.abc import Collection
from pathlib import Path
from shlex import quote

from markupsafe import Markup

from cartograd.apps.report.parts import Section, Table, table
from cartograd.core.ports import Signature

CLASSES: tuple[tuple[str, str], ...] = (
    ("cartograd explain {} EXAMPLE", "what an answer rests on"),
    ("cartograd attack {}", "how small a change misleads it"),
    ("cartograd audit {}", "all that is known of it on one card, before it goes out"),
)
"""For a model that names a class of one example."""

EACH: tuple[tuple[str, str], ...] = (
    ("cartograd serve {}", "answers over HTTP"),
    ("cartograd export {} --to onnx --check", "a file for other programs, compared with the model"),
)


def following(
    path: Path | None, signature: Signature, /, *, answers: Collection[str] = ()
) -> Section | None:
    """A row for each command; None for a model that lies nowhere.

    Args:
        path: the run or bundle.
        signature: of the model.
        answers: the sections that its task has in a report; those with classes have more to ask.
    """
    if path is None:
        return None
    # A page is handed on: it names no folder of the machine that it was made on.
    place = quote(path.name if path.is_absolute() else str(path))
    commands = [("cartograd predict {} EXAMPLE", "its answer for it")]
    if "confusion" in answers and signature.input.kind in ("image", "table"):
        commands += CLASSES
    rows = [
        [Markup("<code>{}</code>").format(command.format(place)), why]
        for command, why in (*commands, *EACH)
    ]
    lead = "To be run beside the folder of the model; EXAMPLE stands for a file of yours."
    body = table(Table(["command", "what it tells"], rows, text=frozenset({1})))
    return Section("next", "What may come next", lead, body)
