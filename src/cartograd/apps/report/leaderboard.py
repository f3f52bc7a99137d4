"""The page of a search: the verdict, every try with its line, and what was left out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from cartograd.apps.answers import units
from cartograd.apps.report.page import write_report
from cartograd.apps.report.parts import Figure, Section, Table, chart, note, table
from cartograd.apps.report.theme import BLUE, MUTED, RED, quiet
from cartograd.apps.report.theme import chart as draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

SHOWN = 12
"""Runs of the picture."""


def leaderboard_page(path: str | Path, found: Any, /) -> Path:
    """Write a leaderboard as one self-contained HTML file.

    Args:
        path: of the page.
        found: the leaderboard.

    Raises:
        UsageError: the file cannot be written.
    """
    metrics = found.found
    figures = [
        Figure(units.heading(metrics.spoken(name)), units.metric(name, value))
        for name, value in list(metrics.metrics.items())[:3]
    ]
    return write_report(
        path,
        [_table(found), _picture(found), _lines(found), _failed(found), _decided(found)],
        title=f"Models for {found.data}",
        summary=f"{units.heading(metrics.baseline or found.metric)}. Kept: {found.kept}.",
        figures=figures,
        seal=str(found.data),
    )


def _table(found: Any) -> Section:
    head = ["run", "model", "valid", "folds", "test", "95 % interval", "time", "parameters"]
    rows = [list(one.cells(found.metric)) for one in found.lines]
    lead = (
        f"Chosen by {units.heading(found.metric)} {found.judges}; the test examples were looked at "
        "afterwards, and decided nothing."
    )
    return Section("runs", "The runs", lead, table(Table(head, rows, text=frozenset({1, 5}))))


def _picture(found: Any) -> Section:
    """The test figure of each run with its interval; the validation figure beside it."""
    lines = found.lines[:SHOWN]

    def paint(figure: "Drawing") -> None:
        axes = figure.subplots()
        for row, one in enumerate(lines):
            axes.plot([one.low, one.high], [row, row], color=BLUE)
            axes.plot([one.test], [row], "o", color=BLUE)
            axes.plot([one.valid], [row], "|", color=MUTED, markersize=12)
        axes.plot([found.found.metrics.get(found.metric)], [-1], "D", color=RED)
        axes.set_yticks(range(-1, len(lines)), ["kept", *(one.tried.name for one in lines)])
        axes.set_ylim(len(lines) - 0.5, -1.5)
        quiet(axes, grid="x")

    alt = "; ".join(f"{one.tried.name} {units.metric(found.metric, one.test)}" for one in lines)
    drawing = draw("leaderboard", (620, 110 + 26 * len(lines)), paint, alt=alt)
    caption = "A dot is the test figure with its interval, a stroke that of validation."
    return Section("picture", "Side by side", "", chart(drawing, caption=caption))


def _lines(found: Any) -> Section:
    text = "\n".join(one.command for one in found.lines)
    body = Markup("<pre><code>{}</code></pre>").format(text)
    return Section("lines", "Each again", "The line that trains each.", body + note(found.again))


def _failed(found: Any) -> Section | None:
    if not found.failed:
        return None
    rows = [[one.name, one.model, one.failed] for one in found.failed]
    body = table(Table(["run", "model", "why"], rows, text=frozenset({1, 2})))
    return Section("failed", "Not tried, or not to be trained", "", body)


def _decided(found: Any) -> Section | None:
    if not found.decided:
        return None
    rows = [[str(at), line] for at, line in enumerate(found.decided, start=1)]
    return Section("data", "What was decided on the data", "",
                   table(Table(["", "decided"], rows, text=frozenset({1}))))  # fmt: skip
