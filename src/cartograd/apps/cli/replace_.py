"""Whether one shipped form of a model may replace another, by a margin on the same raw examples.

The exit code is 0 if it may, 1 if it may not or there are too few examples to say, 2 for a mistake.
"""

import re
from typing import Annotated, Any

from cartograd.apps.answers import units
from cartograd.apps.cli import output
from cartograd.apps.cli.common import (
    Data,
    File,
    Many,
    Margins,
    Part,
    Seed,
    Somewhere,
    with_target,
)
from cartograd.apps.cli.following import following
from cartograd.apps.cli.names import naming
from cartograd.apps.cli.words import part_of


def replace_(
    a: Somewhere,
    b: Somewhere,
    /,
    *,
    data: Data = None,
    target: str | None = None,
    margin: Margins = ("accuracy=0.5%",),
    max: Annotated[Many, naming("costs")] = (),
    part: Part = None,
    slices: Many = (),
    examples: int = 10_000,
    out: File = None,
    seed: Seed = None,
    json: bool = False,
) -> int:
    """Whether B may replace A: non-inferior within a margin, what changed, and where they part.

    A and B are runs, bundles, ONNX files, published weights, folders of Hugging Face (hf:FOLDER)
    or addresses of a server (http://HOST:PORT/predict). Raw files go into each through its own
    preprocessing. The exit code is 0 if B may replace A, and 1 if it may not or there are too few
    examples to say.

    Args:
        a: what is in use.
        b: what shall replace it.
        data: examples that both are asked, like folder:photos; by default what both were trained
            on.
        target: of a table the column to predict.
        margin: how much worse B may be, in the metric's unit: accuracy=0.5% nll=0.02. All of
            several must hold.
        max: what B may cost at most: latency=5ms, size=10MB, memory=200MB.
        part: train, valid, test or all; by default test of what A was trained on, and all of other
            files or folders that do not come in parts.
        slices: columns of the table, by whose cells changed answers are told.
        examples: at most.
        out: the HTML file to write; by default replace-A-B.html here.
        seed: of the choice of examples and of the halves that regions are confirmed on.
        json: print one object.
    """
    from pathlib import Path

    from cartograd.apps.cli.common import writable
    from cartograd.apps.replace.replace import replace

    stem = re.sub(r"[^\w.-]+", "-", f"replace-{_short(a)}-{_short(b)}")
    page = out or Path(f"{stem}.html")
    output.check_page(page)
    writable(None, page)
    if target is not None:
        data = with_target(data or "", target)
    told: dict[str, Any] = {"margin": margin, "max": max, "slices": slices, "examples": examples}
    told |= {"part": part and part_of(part), "seed": seed or 0, "said": output.note}
    found = replace(a, b, data, **told)
    page = found.draw(page)
    if json:
        output.emit(found.to_json() | {"report": page})
        return 0 if found.may else 1
    _print(found)
    after = following("serve", b) if found.may and "://" not in b else []
    output.lines([*_lines(found), ("verdict", found.said), ("report", str(page)), *after])
    return 0 if found.may else 1


def _print(found: Any) -> None:
    """The metrics and the worst changed answers."""
    from cartograd.apps.replace.replacement import amount

    rows = [
        (
            one.spoken, *(units.metric(one.metric, value) for value in one.values),
            f"{amount(one, one.low)} to {amount(one, one.high)}", amount(one, one.margin), one.word,
        )
        for one in found.metrics
    ]  # fmt: skip
    head = ("metric", "A", "B", "gain of B, 95 %", "margin", "B")
    output.table(head, rows, right=("A",))
    changed = [(one.name, one.a, one.b, one.truth, one.became) for one in found.changes[:6]]
    if changed:
        output.table(("example", "A said", "B says", "true", "became"), changed)


def _lines(found: Any) -> list[tuple[str, str]]:
    """Changes, regions, where the two part, and the costs, a line each."""
    counts: dict[str, int] = {}
    for one in found.changes:
        counts[one.became] = counts.get(one.became, 0) + 1
    told = ", ".join(f"{count:,} became {word}" for word, count in counts.items())
    lines = [("changed", f"{len(found.changes):,} answers ({told})" if told else "no answer")]
    lines += [
        ("worse where", f"{one.rule} ({one.worse} worse, {one.better} better of {one.n})")
        for one in found.regions if one.confirmed
    ]  # fmt: skip
    if found.parting is not None:
        lines.append(("they part", found.parting.sentence))
    a, b = found.costs
    lines.append(("latency", f"{a.took} and {b.took}, medians with their 95 % intervals"))
    if a.size is not None and b.size is not None:
        lines.append(("size", f"{units.size(a.size)} and {units.size(b.size)}"))
    lines += [
        ("limit", f"{'kept' if one.kept else 'NOT kept'}: {one.said}") for one in found.limits
    ]
    return [*lines, *(("note", line) for line in found.questions.notes)]


def _short(name: str) -> str:
    """The last part of a path or address."""
    return name.rstrip("/").rpartition("/")[2].removesuffix(".onnx")
