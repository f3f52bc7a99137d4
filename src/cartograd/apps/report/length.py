"""The page that tells what a language model does with long texts: needles, loss by position."""

from pathlib import Path
from typing import TYPE_CHECKING

from cartograd.apps.report.page import write_report
from cartograd.apps.report.parts import Figure, Section, Table, chart, table
from cartograd.apps.report.theme import BLUE, quiet
from cartograd.apps.report.theme import chart as draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

    from cartograd.apps.results.length_diagnosis import LengthDiagnosis
    from cartograd.training.diagnosis.needle import NeedleGrid
    from cartograd.training.diagnosis.position_loss import PositionLoss


def length_page(path: str | Path, diagnosis: "LengthDiagnosis", /) -> Path:
    """Write the diagnosis as one self-contained HTML file.

    Raises:
        UsageError: the file cannot be written.
    """
    figures = [Figure("Reads", diagnosis.kept)]
    if diagnosis.context is not None:
        figures.append(Figure("Context", f"{diagnosis.context:,}", "tokens"))
    sections = [
        _needle(diagnosis.needle, diagnosis) if diagnosis.needle else None,
        _position(diagnosis.position) if diagnosis.position else None,
    ]
    return write_report(
        path, sections, title=f"Long texts with {diagnosis.name}",
        summary="What it finds in a long text, and how well it predicts by position.",
        figures=figures,
    )  # fmt: skip


def _needle(grid: "NeedleGrid", diagnosis: "LengthDiagnosis") -> Section:
    def paint(figure: "Drawing") -> None:
        names = ("Written exactly", f"Likeliest of {grid.alternatives}")
        for axes, cells, name in zip(
            figure.subplots(1, 2), (grid.exact, grid.chosen), names, strict=True
        ):
            axes.imshow(list(zip(*cells, strict=True)), cmap="Blues", vmin=0, vmax=1, aspect="auto")
            axes.set_xticks(range(len(grid.lengths)), [f"{one:,}" for one in grid.lengths])
            axes.set_yticks(range(len(grid.depths)), [f"{one:.0%}" for one in grid.depths])
            axes.set_xlabel("tokens")
            axes.set_ylabel("depth of the needle")
            axes.set_title(name)
            quiet(axes, grid="")

    told = "; ".join(f"{length} tokens: {exact}" for length, exact, _ in diagnosis.rows())
    drawing = draw("needle", (820, 320), paint, alt=f"Needles written exactly: {told}")
    cells = [
        [f"{length:,}", f"{depth:.0%}", f"{exact:.0%}", f"{chosen:.0%}"]
        for length, row1, row2 in zip(grid.lengths, grid.exact, grid.chosen, strict=True)
        for depth, exact, chosen in zip(grid.depths, row1, row2, strict=True)
    ]
    twin = Table(["tokens", "depth", "exact", "chosen"], cells, "Every cell")
    head = ["tokens", "written exactly", f"likeliest of {grid.alternatives}"]
    lead = (
        f"A sentence is hidden in a text and asked for at its end, {grid.trials} times in each "
        f"cell. By chance one of {grid.alternatives} is right. Intervals are of 95 %."
    )
    body = chart(drawing, twin=[twin]) + table(Table(head, diagnosis.rows()))
    return Section("needle", "Needle in a haystack", lead, body)


def _position(found: "PositionLoss") -> Section:
    middles = [(a + b) / 2 for a, b in zip(found.starts, found.ends, strict=True)]

    def paint(figure: "Drawing") -> None:
        axes = figure.subplots()
        axes.fill_between(middles, found.low, found.high, color=BLUE, alpha=0.2, linewidth=0)
        axes.plot(middles, found.bits, "o-", color=BLUE)
        axes.set_xlabel("position")
        axes.set_title("Bits per byte")
        quiet(axes)

    alt = f"Bits per byte from {found.bits[0]:.3f} at the start to {found.bits[-1]:.3f} at the end"
    rows = [
        [f"{a:,} to {b - 1:,}", f"{bits:.3f}", f"{low:.3f} to {high:.3f}"]
        for a, b, bits, low, high in zip(
            found.starts, found.ends, found.bits, found.low, found.high, strict=True
        )
    ]
    lead = (
        f"The loss of each token by its position in {found.texts} texts. A model that uses what it "
        "has read predicts later tokens better."
    )
    body = chart(draw("position", (620, 320), paint, alt=alt))
    body += table(Table(["positions", "bits per byte", "95 %"], rows))
    return Section("position", "Loss by position", lead, body)
