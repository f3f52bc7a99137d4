"""Verified accuracy as a page: what is proved, what attacks leave, and the gap between."""

from pathlib import Path
from typing import TYPE_CHECKING

from cartograd.apps.answers import units
from cartograd.apps.report.page import write_report
from cartograd.apps.report.parts import Figure, Section, Table, chart, note, table
from cartograd.apps.report.theme import BLUE, GOLD, INK, MUTED, RED, quiet
from cartograd.apps.report.theme import chart as draw
from cartograd.apps.results.verified import VerifiedAccuracy, said

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

COLOURS = (BLUE, GOLD, INK, MUTED)


def verified_page(path: str | Path, found: VerifiedAccuracy, /) -> Path:
    """Write the page, whole or not at all.

    Raises:
        UsageError: the file cannot be written.
    """
    best = max(told[-1].proved.value for told in found.methods.values())
    where = f" at eps {units.number(found.eps[-1])}" if found.eps else ""
    figures = [
        Figure("without change", units.percent(found.clean.value)),
        Figure(f"proved{where}", units.percent(best), "the best method"),
    ]
    if found.attacked:
        left = found.attacked[-1].value
        figures.append(Figure(f"under attack{where}", units.percent(left), found.attack))
    return write_report(
        path,
        [_curves(found) if found.eps else _counts(found), _cost(found)],
        title=f"{found.model}, verified",
        summary=f"{found.examples} examples of {found.source}"
        + (f"; sizes by {found.norm}, in the units of the input." if found.eps else "."),
        figures=figures,
    )


def _curves(found: VerifiedAccuracy) -> Section:
    def paint(canvas: "Canvas") -> None:
        axes = canvas.subplots()
        from_zero = found.eps[0] > 0
        at = (0.0, *found.eps) if from_zero else found.eps
        first = [found.clean.value] if from_zero and found.attacked else []
        best = [max(told[i].proved.value for told in found.methods.values())
                for i in range(len(found.eps))]  # fmt: skip
        if found.attacked:
            left = [share.value for share in found.attacked]
            axes.fill_between(found.eps, best, left, color=MUTED, alpha=0.2, linewidth=0,
                              label="unknown")  # fmt: skip
            axes.plot(at, first + left, color=RED, marker="o", markersize=4, label=found.attack)
        for number, (name, told) in enumerate(found.methods.items()):
            colour = COLOURS[number % len(COLOURS)]
            shares = [one.proved for one in told]
            lows, highs = [one.low for one in shares], [one.high for one in shares]
            axes.fill_between(found.eps, lows, highs, color=colour, alpha=0.1, linewidth=0)
            axes.plot(found.eps, [one.value for one in shares], color=colour, marker="o",
                      markersize=4, label=f"{name}, proved")  # fmt: skip
        axes.set(
            xlabel=f"eps ({found.norm})", ylabel="accuracy", ylim=(0, 1.05), yticks=(0, 0.5, 1)
        )
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        axes.legend(frameon=False)
        quiet(axes)

    drawing = draw("verified", (640, 320), paint, alt=_spoken(found))
    rows = [list(row) for row in found.rows()]
    body = chart(drawing, twin=[Table(list(found.columns), rows, "share with its 95 % interval")])
    for line in found.notes:
        body += note(line)
    lead = (
        "Of how many examples it is proved that every change of a size leaves the right answer, "
        "below what an attack leaves; between them nothing is known. Bands are 95 % intervals."
    )
    return Section("verified", "Verified accuracy", lead, body)


def _spoken(found: VerifiedAccuracy) -> str:
    lines = [
        f"{name}: "
        + ", ".join(
            f"{units.percent(one.proved.value)} at {units.number(size)}"
            for size, one in zip(found.eps, told, strict=True)
        )
        for name, told in found.methods.items()
    ]
    return f"Without change {units.percent(found.clean.value)}. " + "; ".join(lines)


def _counts(found: VerifiedAccuracy) -> Section:
    rows = [list(row) for row in found.rows()]
    body = table(Table(list(found.columns), rows, "share with its 95 % interval"))
    for line in found.notes:
        body += note(line)
    lead = "Of how many examples it is proved that every transformed input has the right answer."
    return Section("verified", "Verified accuracy", lead, body)


def _cost(found: VerifiedAccuracy) -> Section:
    rows = []
    for name, told in found.methods.items():
        last, seconds = told[-1], (found.seconds or {}).get(name, 0.0)
        rows.append(
            [name, said(last.proved), str(last.refuted), str(last.unknown), f"{seconds:.3f}"]
        )
    head = ["method", "proved", "refuted", "unknown", "seconds an example"]
    where = f" at eps {units.number(found.eps[-1])}" if found.eps else ""
    lead = f"What each method leaves open{where}, and what it costs."
    return Section("cost", "Open questions", lead, table(Table(head, rows, "")))
