"""Language models in exams: what `evaluate --tasks` prints."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cartograd.apps.cli import common, gates, output
from cartograd.apps.cli.before_after_ import check_alone
from cartograd.apps.cli.following import following
from cartograd.apps.load.endpoint import is_endpoint
from cartograd.core.errors import UsageError, unknown
from cartograd.core.screen import plain

if TYPE_CHECKING:
    from cartograd.apps.exams.results import Result

OF_EXAMS = {"shots": None, "seed": None, "chat": False, "out": None}
OF_DATA = {
    "data": None, "part": None, "metrics": (), "beat_baseline": False, "normal": (), "slices": (),
    "device": "auto", "plain": None,
}  # fmt: skip
"""Flags that mean something with tasks only, and without them only; with their usual values."""

MOST = 12
"""Items that are named one by one where two models differ; `--json` has all."""


def exams(
    target: str,
    tasks: Sequence[str],
    /,
    *,
    limits: Sequence[tuple[str, float, str]] = (),
    seed: int | None = None,
    out: Path | None = None,
    json: bool = False,
    **options: Any,
) -> int:
    """Print what came of exams.

    Args:
        target: who is asked.
        tasks: task files, or names.
        limits: figures and the values that they must reach (`min`) or not exceed (`max`).
        seed: of drawn examples and sampled answers; the usual one if None.
        out: a file for every answer, one JSON object a line.
        json: print one object.
        **options: of `examine`.
    """
    from cartograd.apps.exams.sit import examine
    from cartograd.core.files import write_file

    seeded: dict[str, Any] = {} if seed is None else {"seed": seed}
    found = examine(target, tasks, **options, **seeded)
    kept = [_gate(found, *one) for one in limits]
    if out is not None:
        write_file(out, _lines(found))
    passed = all(one["passed"] for one in kept)
    if json:
        told = {"target": target, "tasks": [one.to_json() for one in found]}
        output.emit(told | {"answers": out, "gates": kept, "passed": passed})
        return 0 if passed else 1
    _tables(found)
    gates.all_told(kept, [name for name, _, _ in limits])
    output.lines(_after(target, out))
    return 0 if passed else 1


def _after(target: str, out: Path | None) -> list[tuple[str, str]]:
    """Each answer in a file; once they are there, the model at work."""
    if out is None:
        return following(*common.words, "--out", "answers.jsonl")
    return [] if is_endpoint(target) else following("serve", target)


def _gate(found: Sequence["Result"], name: str, limit: float, word: str) -> dict[str, Any]:
    """A gate holds of every task that has such a figure."""
    values = [one.figures[name].value for one in found if name in one.figures]
    if not values:
        raise unknown("figure", name, {name for one in found for name in one.figures})
    worst = min(values) if word == "min" else max(values)
    return gates.gate(worst, name, limit, word)


def check_wanted(given: Mapping[str, Any], /) -> None:
    """Refuse flags of exams where there is no task, and of data where there is one.

    Args:
        given: the values of all flags, by name.

    Raises:
        UsageError: which one.
    """
    if not given["tasks"]:
        check_alone(given)
    usual = OF_DATA if given["tasks"] else OF_EXAMS
    wrong = [name for name, value in usual.items() if given[name] != value]
    if not wrong:
        return
    flag = f"--{wrong[0].replace('_', '-')}"
    if given["tasks"]:
        raise UsageError(f"{flag} is of data with metrics; with --tasks leave it out")
    raise UsageError(f"{flag} is of language models in exams; name these with --tasks")


def _tables(found: Sequence["Result"]) -> None:
    from cartograd.apps.answers import units

    rows, doubts = [], dict[str, None]()
    for one in found:
        for name, figure in one.figures.items():
            told = [units.metric(name, x) for x in (figure.value, figure.low, figure.high)]
            first = name == next(iter(one.figures))
            head = one.task if first else ""
            asked = f"{len(one.answers)} items, {one.shots} shots" if first else ""
            rows.append((head, name, told[0], f"{told[1]} to {told[2]}", asked))
            if figure.doubt:
                doubts[f"{name} of {one.task}: {figure.doubt}"] = None
    output.table(("task", "figure", "value", "95 % interval", "asked"), rows, right=("value",))
    if any(one.paired for one in found):
        _paired(found)
    lines = [
        ("chance", f"{one.chance:.1%} of {one.task} by guessing") for one in found if one.chance
    ]
    lines += [
        (
            "unparsed",
            f"{one.unparsed} verdicts on {one.task}; their items are left out",
        )
        for one in found
        if one.unparsed
    ]
    lines += [("approximate", doubt) for doubt in doubts]
    lines += [("note", note) for note in dict.fromkeys(note for one in found for note in one.notes)]
    if lines:
        output.lines(lines)


def _paired(found: Sequence["Result"]) -> None:
    """How two models differ, and on which items."""
    rows = []
    for one in found:
        for told in one.paired:
            flips = f"+{len(told.won)} -{len(told.lost)}" if told.p is not None else ""
            p = "" if told.p is None else f"{told.p:.3g}"
            state = "beyond noise" if told.real else "within noise"
            ends = f"{told.low:+.4f} to {told.high:+.4f}"
            rows.append((one.task, told.name, f"{told.value:+.4f}", ends, p, flips, state))
    head = ("task", "figure", "difference", "95 % interval", "p", "flips", "is")
    output.table(head, rows, right=("difference", "p"))
    for one in found:
        main = next((told for told in one.paired if told.p is not None), None)
        if main is not None and main.won + main.lost:
            for word, side in (("only it", main.won), ("only the other", main.lost)):
                more = ", ..." if len(side) > MOST else ""
                output.note(f"{one.task}: {word} gets items {_named(side)}{more}" if side else
                            f"{one.task}: {word} gets none")  # fmt: skip


def _named(items: Sequence[int]) -> str:
    return ", ".join(map(str, items[:MOST]))


def _lines(found: Sequence["Result"]) -> str:
    import json

    rows = [
        {"task": one.task, "model": one.model} | answer.to_json()
        for one in found
        for answer in one.answers
    ]
    return "".join(json.dumps(plain(row), ensure_ascii=False) + "\n" for row in rows)
