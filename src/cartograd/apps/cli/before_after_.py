"""A language model before and after it learned: what `evaluate --against` prints."""

from collections.abc import Mapping, Sequence
from typing import Any

from cartograd.apps.cli import output
from cartograd.apps.cli.following import of_model
from cartograd.apps.cli.words import part_of
from cartograd.core.errors import UsageError

REFUSED = ("judge", "normal", "slices", "min_", "max_", "beat_baseline")
"""Flags that are of one model."""

OF_TWO = ("plain", "limit")
"""Flags that are of two models, where no exam is sat."""


def before_after(given: Mapping[str, Any], metrics: Sequence[str], /) -> int:
    """Print what a language model learned and forgot.

    Args:
        given: the values of all flags of `evaluate`, by name.
        metrics: their names; the usual ones if there is none.

    Raises:
        UsageError: one of the flags is of one model, or as of the verb.
    """
    from cartograd.apps.results.before_after import HEAD
    from cartograd.apps.verbs.before_after import before_after as verb

    if wrong := [name.rstrip("_").replace("_", "-") for name in REFUSED if given[name]]:
        raise UsageError(f"--{wrong[0]} is of one model; with --against leave it out")
    asked: dict[str, Any] = {name: given[name] for name in ("plain", "limit", "device")}
    asked |= {"metrics": metrics} if metrics else {}
    part = given["part"] and part_of(given["part"])
    found = verb(given["target"], given["data"], before=given["against"], part=part, **asked)
    output.notes(found.notes)
    if given["json"]:
        output.emit(found.to_json())
        return 0
    output.say(found.sentence)
    output.table(HEAD, found.rows(), right=("before", "after", "difference"))
    lines = [("before", found.before), ("after", found.after), ("answers", found.data)]
    lines += [("plain text", found.plain)] if found.plain else []
    lines += [("approximate", found.approximate())] if found.approximate() else []
    output.lines([*lines, *of_model("serve", given["target"])])
    return 0


def check_alone(given: Mapping[str, Any], /) -> None:
    """Refuse flags that are of two models, where there is one.

    Raises:
        UsageError: which one.
    """
    wrong = [name for name in OF_TWO if given[name] is not None]
    if wrong and given["against"] is None:
        raise UsageError(
            f"--{wrong[0]} goes with --tasks or with another model: --against before holds a run "
            "against what it began from"
        )
