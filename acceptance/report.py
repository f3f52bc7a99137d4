"""The results of all rows that have been run, as JSON and as a page."""

import dataclasses
import json
import statistics
from pathlib import Path
from typing import Any

from acceptance.curves import drawn
from acceptance.front import picture
from acceptance.rows import GENERATIVE, ROWS
from acceptance.session import Outcome
from cartograd.core.files import write_file
from cartograd.evidence.rows import FILE, Row

PAGES = Path(__file__).parents[1] / "docs" / "results"
"""The folder whose rows `cartograd learn` tells."""

HEAD = """# {title}

Each row is a documented command, run for each seed in a fresh process. The worst seed must reach
the threshold. CPU time is that of all threads together, start-up and the final test counted in.
"""


def known(folder: Path, /) -> dict[str, Any]:
    """The rows of earlier runs by name."""
    paths = {path.stem: path for path in sorted((folder / "rows").glob("*.json"))}
    order = [name for name in ROWS if name in paths]
    names = order + [name for name in paths if name not in ROWS]
    return {name: json.loads(paths[name].read_text(encoding="utf-8")) for name in names}


def publish(folder: Path, name: str, outcome: Outcome, facts: dict[str, Any], /) -> None:
    """Put one row beside those of earlier runs."""
    (folder / "rows").mkdir(parents=True, exist_ok=True)
    row = dataclasses.asdict(outcome) | {"machine": facts}
    write_file(folder / "rows" / f"{name}.json", json.dumps(row, indent=1) + "\n")
    if outcome.front:
        write_file(folder / f"{name}.svg", picture(outcome.front))
    if outcome.curves is not None:
        write_file(folder / f"{name}.svg", drawn(outcome.curves))
    pages(folder)


def pages(folder: Path, /) -> None:
    """Write the page of the models that answer, that of those that generate, and a line a row."""
    rows = known(folder)
    drawing = {name: row for name, row in rows.items() if name in GENERATIVE}
    others = {name: row for name, row in rows.items() if name not in GENERATIVE}
    lines = "".join(f"{row(name, one).line()}\n" for name, one in rows.items())
    write_file(FILE if folder.resolve() == PAGES else folder / FILE.name, lines)
    write_file(folder / "acceptance.md", page("Acceptance runs", others))
    write_file(folder / "generative.md", page("Acceptance runs of generative models", drawing))


def row(name: str, found: dict[str, Any], /) -> Row:
    """A row as `cartograd learn` tells it."""
    verdict = "passed" if found["passed"] else "failed"
    return Row(name, found["claim"], measured(found), found["asked"], verdict)


def page(title: str, rows: dict[str, Any], /) -> str:
    """The rows as Markdown."""
    lines = [
        "| what | measured, per seed | asked | CPU time of a run | verdict |",
        "|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        cells = [
            f"[{row['claim']}](#{name})",
            measured(row),
            row["asked"],
            f"{statistics.median(row['cpu']):.0f} s",
            "passed" if row["passed"] else "**failed**",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    head = HEAD.strip().format(title=title)
    return "\n\n".join([head, "\n".join(lines), *map(_section, rows, rows.values())]) + "\n"


def measured(row: dict[str, Any], /) -> str:
    """The numbers of each seed with their unit."""
    form = ".2f" if row["unit"] == "%" else "g"
    return ", ".join(f"{number:{form}}" for number in row["measured"]) + f" {row['unit']}"


def _section(name: str, row: dict[str, Any]) -> str:
    facts = row["machine"]
    minutes = sum(row["wall"]) / 60
    used = ", ".join(f"{key} {value}" for key, value in facts["versions"].items())
    beside = [f"- {key}: {value}" for key, value in row["beside"].items()]
    seconds = ", ".join(f"{one:.0f}" for one in row["cpu"])
    return "\n\n".join(
        [
            f"## {name}",
            f"{row['claim']}: {measured(row)}; asked: {row['asked']}.",
            f"```console\n$ {row['command']}\n```",
            *(["\n".join(beside)] if beside else []),
            *([f"![accuracy and cost]({name}.svg)"] if row.get("front") else []),
            *([f"![{_alt(row)}]({name}.svg)"] if row.get("curves") else []),
            *row["notes"],
            f"CPU seconds of each run: {seconds}; {minutes:.1f} minutes on the clock for all. "
            f"{facts['processor']}, {facts['threads']} threads; {used}. {facts['date']}.",
        ]
    )


def _alt(row: dict[str, Any]) -> str:
    """What the curves of a row show."""
    return f"{row['curves']['y']} by {row['curves']['x']}"
