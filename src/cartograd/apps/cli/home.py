"""`cartograd` alone: the last runs, what they came to and what to do next; or what to try first."""

from pathlib import Path
from typing import Any

from cartograd.apps.cli import output
from cartograd.apps.cli.following import line, quoted
from cartograd.core.language import said

RUNS = Path("runs")
"""Where runs are by default."""

LAST = 5
"""Runs that are shown."""

TABLES = (".csv", ".tsv", ".xlsx", ".parquet", ".jsonl")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")

LOOKED = 200
"""Files of the folder that are looked at."""

FIRST = (
    ("cartograd tour", "all of it on real digits, in a minute or two"),
    ("cartograd train lenet5 --data digits", "a first network, into runs/"),
    ("cartograd learn", "the map, a page at a time"),
)
"""What to try in an empty folder."""


def home(*, json: bool) -> None:
    """Print where this folder stands."""
    from cartograd.apps.cli import run_table
    from cartograd.apps.load.runs import listed

    rows = run_table.rows(listed(RUNS)) if RUNS.is_dir() else []
    last = rows[-1] if rows else None
    if last is None:
        commands, sentence = _first(), ""
    else:
        commands, sentence = _next(rows), last.result.sentence if last.result else ""
    shown = rows[-LAST:]
    if json:
        told = [{"folder": x.folder, "state": x.value("state")} | x.more() for x in shown]
        lines = [{"command": command, "why": why} for command, why in commands]
        output.emit({"runs": told, "sentence": sentence or None, "next": lines})
        return
    if last is None:
        output.say("There is no run in this folder yet. To begin with:")
    else:
        output.table(run_table.HEAD, [one.cells() for one in shown], right=("epochs", "time"))
        if sentence:
            output.say(f"{last.folder} is {sentence}")
        output.say("What may come next:")
    width = max(len(command) for command, _ in commands)
    for command, why in commands:
        print(f"  {command:<{width}}  {said(why)}")
    print()
    output.say("Usage: cartograd COMMAND; cartograd --help names all commands")


def _first() -> list[tuple[str, str]]:
    """What to try first, with what lies in the folder."""
    own = _own()
    if not own:
        return list(FIRST)
    check, train = (line(*words, *own) for words in (("data", "check"), ("train", "--data")))
    return [
        (check, "what it holds, and what is the matter with it"),
        (train, "a model that is chosen for it, into runs/"),
        FIRST[0],
    ]


def _own() -> tuple[str, ...]:
    """A table, with what is to be predicted, or a folder of pictures, that lies here."""
    from itertools import islice

    from cartograd.apps.load.likely import to_be_named

    there = sorted(islice((one for one in Path().iterdir() if one.name[0] != "."), LOOKED))
    for one in there:
        if one.is_file() and one.suffix.lower() in TABLES:
            column = to_be_named(one)
            return (one.name,) if column is None else (one.name, "--target", column)
    for one in there:
        if one.is_dir() and any(
            file.suffix.lower() in PICTURES for file in islice(one.rglob("*"), LOOKED)
        ):
            return (one.name,)
    return ()


def _next(rows: list[Any]) -> list[tuple[str, str]]:
    """Three commands for where the last run stands."""
    last = rows[-1]
    run, state = quoted(last.folder), last.value("state")
    look = (f"cartograd runs show {run}", "its result, and where its time went")
    if state == "interrupted":
        return [(f"cartograd train {run} --resume", "go on where it was stopped"), look,
                (f"cartograd diagnose {run}", "what its curves say")]  # fmt: skip
    if last.result is None:
        return [(f"cartograd diagnose {run}", "what went wrong, and what to try"), look,
                ("cartograd runs list", "all runs")]  # fmt: skip
    told = [
        (f"cartograd evaluate {run}", "all metrics with intervals, and a report"),
        (f"cartograd diagnose {run}", "what its curves say, and what to try"),
    ]
    before = [quoted(one.folder) for one in rows[:-1] if one.result is not None]
    if not before:
        return [*told, (f"cartograd serve {run}", "answers over HTTP")]
    return [*told, (f"cartograd runs compare {before[-1]} {run}", "what changed between the two")]
