"""Raw inputs of a model, looked up without importing torch: files that are nowhere are refused."""

import json
from collections.abc import Sequence
from pathlib import Path

from cartograd.core.errors import UsageError
from cartograd.core.paths import check_file, texts
from cartograd.engine.files.found import found

FILED = ("image", "audio", "table")
"""Kinds of inputs that words name the files of."""

STANDARD = "-"
"""The word for standard input."""


def kind_of(target: str, /) -> str:
    """The kind of input that a bundle says it takes; empty where none says so, or several are."""
    try:
        text = (found(Path(target)) / "signature.json").read_text(encoding="utf-8")
        (port,) = json.loads(text)["inputs"]
        return str(port["kind"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def check_inputs(target: str, sources: Sequence[str], /, *, every: bool) -> None:
    """Refuse inputs of which none is there, or one is not where every one has to be.

    Args:
        target: a run or bundle folder.
        sources: words for inputs.
        every: whether one that cannot be read is refused though others can.

    Raises:
        UsageError: as whoever reads them says.
    """
    kind = kind_of(target)
    if STANDARD in sources or any(one.startswith("--") for one in sources):
        return  # mistyped flags are told by the command, which knows its own
    if kind == "text":
        texts(sources)
        return
    refused = list[str]()
    for one in sources if kind in FILED else ():
        try:
            check_file(one)
        except UsageError as error:
            if every:
                raise
            refused.append(str(error))
    if refused and len(refused) == len(sources):
        raise UsageError(why_none(refused))


def why_none(refused: Sequence[str], /) -> str:
    """Why nothing was answered, in a line."""
    if len(refused) == 1:
        return refused[0]
    more = f" and {len(refused) - 5} more" if len(refused) > 5 else ""
    return f"none of {len(refused)} inputs can be read: " + "; ".join(refused[:5]) + more
