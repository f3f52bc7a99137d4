"""The page of a search within a budget: what was tried, and the front of what is worth its size."""

from pathlib import Path
from typing import TYPE_CHECKING

from cartograd.apps.answers import units
from cartograd.apps.report.page import write_report
from cartograd.apps.report.parts import Figure, Section, Table, chart, table
from cartograd.apps.report.theme import BLUE, MUTED, quiet
from cartograd.apps.report.theme import chart as draw
from cartograd.apps.results.within import COLUMNS, Within

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


def within_page(path: str | Path, found: Within, /) -> Path:
    """Write what was tried as one self-contained HTML file.

    Args:
        path: of the page.
        found: by `compress_within`.

    Raises:
        UsageError: the file cannot be written.
    """
    chosen = found.chosen
    figures = [] if chosen is None else [
        Figure(units.heading(found.metric), units.metric(found.metric, chosen.value)),
        Figure("Size", units.size(chosen.size)),
        Figure("One example", units.took(chosen.latency, chosen.half)),
    ]  # fmt: skip
    return write_report(
        path,
        [_table(found), _picture(found)],
        title="A model compressed within a budget",
        summary="; ".join(f"{word}: {said}" for word, said in found.said[:-1]) + ".",
        figures=figures,
        seal=str(found.path),
    )


def _table(found: Within) -> Section:
    lead = (
        f"On {found.examples:,} examples ({found.part}). Times are medians of calls on this "
        "machine, in turns with the original."
    )
    head = [found.metric if column == "metric" else column for column in COLUMNS]
    rows = [list(row) for row in found.rows()]
    return Section("ways", "What was tried", lead, table(Table(head, rows, text=frozenset({0}))))


def _picture(found: Within) -> Section:
    """The metric against the size; the front is drawn as a line, the budget as another."""
    front = found.front

    def paint(figure: "Drawing") -> None:
        axes = figure.subplots()
        quiet(axes)
        for number, stage in enumerate(found.stages):
            low, high = (abs(end - stage.value) for end in stage.interval)
            axes.errorbar(stage.size, stage.value, yerr=[[low], [high]], color=MUTED, marker="o",
                          capsize=3, zorder=1)  # fmt: skip
            axes.annotate(str(number), (stage.size, stage.value), (4, 4),
                          textcoords="offset points", color=MUTED)  # fmt: skip
        axes.plot([one.size for one in front], [one.value for one in front], color=BLUE, zorder=2)
        if "size" in found.limits:
            axes.axvline(found.limits["size"], color=MUTED, linestyle="--")
        axes.set_xscale("log")
        axes.set_xlabel("bytes of the weights")
        axes.set_ylabel(found.metric)

    alt = f"{found.metric} by size: " + "; ".join(
        f"{units.size(one.size)}: {units.metric(found.metric, one.value)}" for one in front
    )
    lead = (
        "Each point is a model, numbered as in the table from 0 on, with its 95 % interval. The "
        "line joins those that no smaller one equals."
    )
    drawing = draw("front", (560, 320), paint, alt=alt)
    return Section("front", "What is worth its size", lead, chart(drawing))
