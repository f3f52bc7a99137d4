"""The page of a compression in steps: what each step costs and what it leaves."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cartograd.apps.answers import units
from cartograd.apps.report.page import write_report
from cartograd.apps.report.parts import Figure, Section, Table, chart, table
from cartograd.apps.report.theme import BLUE, MUTED, quiet
from cartograd.apps.report.theme import chart as draw
from cartograd.apps.results.slimmed import COLUMNS, Slimmed
from cartograd.core.language import chinese, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


def slimmed_page(path: str | Path, found: Slimmed, /) -> Path:
    """Write what came of the steps as one self-contained HTML file.

    Args:
        path: of the page.
        found: by `compress_steps`.

    Raises:
        UsageError: the file cannot be written.
    """
    last = found.stages[-1]
    figures = [
        Figure(units.heading(found.metric), units.metric(found.metric, last.value)),
        Figure("Size", units.size(last.size)),
        Figure("One example", units.took(last.latency, last.half)),
    ]
    return write_report(
        path,
        [_table(found), _picture(found)],
        title="A model compressed in steps",
        summary=_told(found.said[:-2]),
        figures=figures,
        seal=str(found.path),
    )


def _told(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and values as a sentence; each is spoken by itself, as one whole it would be long."""
    joint, end = ("；", "。") if chinese() else ("; ", ".")
    return joint.join(said(f"{word}: {text}") for word, text in pairs) + end


def _table(found: Slimmed) -> Section:
    lead = (
        f"On {found.examples:,} examples ({found.part}), beside the original. Times are medians of "
        "calls in turns on this machine."
    )
    head = [found.metric if column == "metric" else column for column in COLUMNS]
    rows = [list(row) for row in found.rows()]
    return Section("steps", "Step by step", lead, table(Table(head, rows, text=frozenset({0}))))


def _picture(found: Slimmed) -> Section:
    """The metric against the share of the weights that are not zero."""
    whole = found.stages[0].parameters
    left = [stage.parameters * (1 - stage.zeros) / whole for stage in found.stages]

    def paint(figure: "Drawing") -> None:
        axes = figure.subplots()
        quiet(axes)
        low = [stage.value - stage.interval[0] for stage in found.stages]
        high = [stage.interval[1] - stage.value for stage in found.stages]
        values = [stage.value for stage in found.stages]
        axes.errorbar(left, values, yerr=[low, high], color=BLUE, marker="o", capsize=3)
        for number, (x, y) in enumerate(zip(left, values, strict=True)):
            axes.annotate(str(number), (x, y), (4, 4), textcoords="offset points", color=MUTED)
        axes.set_xscale("log")
        axes.set_xlabel("share of the weights that is left and not zero")
        axes.set_ylabel(found.metric)

    alt = f"{found.metric} by the share of the weights that is left: " + "; ".join(
        f"{units.percent(share)}: {units.metric(found.metric, stage.value)}"
        for share, stage in zip(left, found.stages, strict=True)
    )
    lead = "Each point is a step, numbered as in the table from 0 on, with its 95 % interval."
    drawing = draw("left", (560, 320), paint, alt=alt)
    return Section("curve", "What is left, and how good it is", lead, chart(drawing))
