"""The data card as a page: findings, classes, sizes, copies side by side, labels in doubt."""

from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from cartograd.apps.answers import units
from cartograd.apps.report.page import write_report
from cartograd.apps.report.parts import Bar, Figure, Section, Table, Tile, chart, note, table, tiles
from cartograd.apps.report.pictures import image
from cartograd.apps.report.theme import BLUE, quiet
from cartograd.apps.report.theme import chart as draw
from cartograd.apps.results.data_card import DataCard, DataFinding

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

MANY = 60
"""Classes that have a bar each."""

WORDS = {"stop": "stops training", "warn": "warning", "note": "note"}


def data_page(path: str | Path, card: DataCard, /) -> Path:
    """Write the page, whole or not at all.

    Raises:
        UsageError: the file cannot be written.
    """
    examples = sum(card.parts.values())
    return write_report(
        path,
        [
            _findings(card), _classes(card), _sizes(card), *_pictures(card), _facts(card),
            _decided(card),
        ],
        title=f"The data {card.data}",
        summary=f"{card.kind[:1].upper()}{card.kind[1:]}. {card.verdict[:1].upper()}"
        f"{card.verdict[1:]}. {card.looked:,} examples looked at in {units.seconds(card.seconds)}.",
        figures=[
            Figure("Examples", f"{examples:,}", _parts(card)),
            Figure("Stop training", str(card.count("stop"))),
            Figure("Warnings", str(card.count("warn"))),
            Figure("Notes", str(card.count("note"))),
        ],
    )  # fmt: skip


def _parts(card: DataCard) -> str:
    return "; ".join(f"{part} {count:,}" for part, count in card.parts.items())


def _findings(card: DataCard) -> Section:
    rows = [
        [WORDS[one.severity], one.what, f"{one.count:,}", one.said, one.named, one.mend,
         _number(one.figure), _number(one.control)]
        for one in card.findings
    ]  # fmt: skip
    head = ["", "what", "count", "found", "such as", "what to do", "measured", "control"]
    body = table(Table(head, rows, "what is the matter", frozenset({1, 3, 4, 5})))
    if not rows:
        body = note("Nothing was found.")
    for name, reason in card.skipped.items():
        body += note(f"Not looked at: {name}, {reason}.")
    lead = (
        "What stops a training comes first, then what misleads it. Where a number was measured, "
        "the same by chance stands beside it; of labels in doubt, the share of labels turned on "
        "purpose that the same look finds."
    )
    return Section("findings", "Findings", lead, body)


def _number(value: float | None) -> str:
    return "" if value is None else units.number(value)


def _classes(card: DataCard) -> Section | None:
    if not card.classes:
        return None
    totals = {name: sum(parts.values()) for name, parts in card.classes.items()}
    most = max(1, *totals.values())
    bars = tuple(
        Bar(f"{name} ({count:,})", count / most, "blue")
        for name, count in list(totals.items())[:MANY]
    )
    parts = list(next(iter(card.classes.values())))
    rows = [[name, *(f"{of[part]:,}" for part in parts)] for name, of in card.classes.items()]
    body = tiles([Tile((), bars)]) if len(totals) <= MANY else Markup("")
    body += table(Table(["class", *parts], rows[:200], "examples of each class"))
    return Section("classes", "Classes", "Bars are relative to the commonest class.", body)


def _sizes(card: DataCard) -> Section | None:
    if len(set(card.sizes)) < 2:
        return None

    def paint(canvas: "Canvas") -> None:
        axes = canvas.subplots()
        widths, heights = zip(*card.sizes, strict=True)
        axes.scatter(widths, heights, s=14, color=BLUE, alpha=0.4, linewidths=0)
        axes.set(xlabel="columns", ylabel="rows", xlim=(0, None), ylim=(0, None))
        quiet(axes, grid="both")

    widths, heights = (sorted(side) for side in zip(*card.sizes, strict=True))
    alt = (
        f"Pictures are {widths[0]:g} to {widths[-1]:g} pixels wide, {heights[0]:g} to "
        f"{heights[-1]:g} high."
    )
    drawing = draw("sizes", (520, 300), paint, alt=alt)
    return Section("sizes", "Sizes", alt, chart(drawing))


def _pictures(card: DataCard) -> list[Section]:
    """The examples of findings, groups of them side by side."""
    return [
        Section(f"shown-{number}", one.what.capitalize(), f"{one.said}.", _tiles(card, one))
        for number, one in enumerate(card.findings)
        if one.shown and card.port is not None and card.port.kind == "image"
    ]


def _tiles(card: DataCard, one: DataFinding) -> Markup:
    port = card.port
    assert port is not None
    found = list[Tile]()
    for group in one.shown:
        alone = len(group) == 1
        pictures = (image(x.x, port, alt=x.name, label="" if alone else x.said) for x in group)
        names = " = ".join(x.name for x in group)
        found.append(Tile(tuple(pictures), caption=(group[0].said or names) if alone else names))
    return tiles(found)


def _facts(card: DataCard) -> Section | None:
    if not card.facts:
        return None
    rows = [[name, *map(units.number, three)] for name, three in card.facts.items()]
    body = table(Table(["", "least", "half up to", "greatest"], rows[:200]))
    return Section("facts", "Measured", "Of each example, by name.", body)


def _decided(card: DataCard) -> Section | None:
    if not card.decided:
        return None
    rows = [[line] for line in card.decided]
    body = table(Table(["decided while reading"], rows))
    lead = "What was decided while the data were read, and which option decides otherwise."
    return Section("decided", "Decided", lead, body)
