"""The page that compares two runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from cartograd.apps.answers import units
from cartograd.apps.answers.probabilities import class_probabilities
from cartograd.apps.report import cells
from cartograd.apps.report.curves import label_ends
from cartograd.apps.report.page import write_report
from cartograd.apps.report.parts import Bar, Figure, Section, Table, Tile, chart, table, tiles
from cartograd.apps.report.pictures import image
from cartograd.apps.report.theme import BLUE, GOLD, quiet
from cartograd.apps.report.theme import chart as draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

    from cartograd.apps.results.comparison import Change, Comparison

_PICTURES, _ROWS = 40, 200
"""Changed pictures, or rows, that are shown."""
_WORDS = {
    "wrong": "new mistake", "right": "mended", "other": "another mistake",
    "better": "nearer", "worse": "farther",
}  # fmt: skip


def comparison_page(path: str | Path, comparison: "Comparison", /) -> Path:
    """Write a comparison as one self-contained HTML file.

    Raises:
        UsageError: the file cannot be written.
    """
    names = [item.folder.name for item in comparison.looks]
    sections = [
        _settings(comparison, names),
        _curves(comparison, names),
        _metrics(comparison, names),
    ]
    figures = [
        Figure(
            units.heading(item.spoken),
            " → ".join(units.metric(item.name, value) for value in item.values),
            "beyond noise" if item.real else "within noise",
        )
        for item in comparison.metrics[:2]
    ]
    return write_report(
        path,
        [*sections, _changes(comparison)],
        title=f"{names[0]} and {names[1]}",
        summary=f"Two runs, measured on the same examples of {comparison.data}."
        if comparison.data
        else f"Two runs; no metrics, as {comparison.reason}.",
        figures=figures,
        seal="".join(names),
    )


def verdict(item: Any, /) -> str:
    """What a difference means, in a few words."""
    p = "" if item.p is None else f" (McNemar p = {units.number(item.p)})"
    return ("beyond noise" if item.real else "within noise") + p


def _settings(comparison: "Comparison", names: list[str]) -> Section:
    rows = [[key, *map(_text, pair)] for key, pair in comparison.settings.items()]
    lead = "Only settings that differ." if rows else "Every setting is the same."
    body = table(Table(["setting", *names], rows, text=frozenset({1, 2}))) if rows else Markup("")
    return Section("settings", "Configuration", lead, body)


def _curves(comparison: "Comparison", names: list[str]) -> Section | None:
    histories = [item.history for item in comparison.looks]
    known = [set().union(*map(set, history)) if history else set() for history in histories]
    both = [
        key
        for key in dict.fromkeys(key for record in histories[0] for key in record)
        if key in known[1] and key.startswith(("train/", "valid/"))
    ]
    panels = [
        key for key in both if key in ("train/loss", "valid/loss") or key.startswith("valid/")
    ][:3]
    if not panels:
        return None

    def paint(figure: "Drawing") -> None:
        for axes, key in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            ends = []
            for name, history, colour in zip(names, histories, (GOLD, BLUE), strict=True):
                line = [(r["epoch"], r[key]) for r in history if r.get(key) is not None]
                axes.plot(*zip(*line, strict=True), color=colour)
                ends.append((line[-1][1], name, colour))
            axes.set_title(key.replace("/", " "))
            axes.set_xlabel("epoch")
            quiet(axes)
            label_ends(axes, ends)

    alt = "; ".join(
        f"{key} ends at "
        + " and ".join(f"{_last(h, key):.3g} ({n})" for h, n in zip(histories, names, strict=True))
        for key in panels
    )
    drawing = draw("compare", (360 * len(panels) + 90, 300), paint, alt=alt)
    rows = [
        [i + 1] + [_cell(history, i, key) for key in panels for history in histories]
        for i in range(max(map(len, histories)))
    ]
    head = ["epoch", *(f"{key}, {name}" for key in panels for name in names)]
    return Section("curves", "Curves", "", chart(drawing, twin=[Table(head, rows, "Every epoch")]))


def _last(history: list[dict[str, Any]], key: str) -> float:
    return next(record[key] for record in reversed(history) if record.get(key) is not None)


def _cell(history: list[dict[str, Any]], row: int, key: str) -> str:
    value = history[row].get(key) if row < len(history) else None
    return "" if value is None else units.number(value)


def _metrics(comparison: "Comparison", names: list[str]) -> Section | None:
    if not comparison.metrics:
        return None
    rows = []
    for item in comparison.metrics:
        sides = [
            f"{units.metric(item.name, value)} ({units.ends(item.name, *limits)})"
            for value, limits in zip(item.values, item.intervals, strict=True)
        ]
        rows.append(
            [
                units.heading(item.spoken),
                *sides,
                units.ends(item.name, item.low, item.high),
                verdict(item),
            ]
        )
    head = ["metric", f"{names[0]} (A)", f"{names[1]} (B)", "B - A, 95 %", "verdict"]
    lead = (
        "With 95 % intervals. The difference is judged on the same examples for both: by McNemar's "
        "exact test for accuracy, by how much each example moves it for all else."
    )
    if doubts := comparison.approximate(units.heading):
        lead += f" Approximate intervals of differences: {doubts}."
    return Section("metrics", "Metrics", lead, table(Table(head, rows, text=frozenset({4}))))


def _changes(comparison: "Comparison") -> Section | None:
    if comparison.examples is None:
        return None
    count = {word: sum(x.became == word for x in comparison.changes) for word in _WORDS}
    told = ", ".join(f"{_WORDS[word]}: {n}" for word, n in count.items() if n)
    lead = f"{units.heading(told)}." if told else "Both answer every example alike."
    if not comparison.changes:
        return Section("changes", "Changed answers", lead, Markup(""))
    if comparison.examples.signature.input.kind == "image":
        body = _pictures(comparison, comparison.changes[:_PICTURES])
    else:
        body = _rows(comparison)
    return Section("changes", "Changed answers", lead, body)


def _pictures(comparison: "Comparison", changes: "tuple[Change, ...]") -> Markup:
    assert comparison.examples is not None
    assert comparison.outputs is not None
    shown = comparison.examples.select([change.index for change in changes])
    sure = [class_probabilities(outputs) for outputs in comparison.outputs]
    labels = shown.signature.output.labels
    content = []
    for x, change in zip(shown.inputs, changes, strict=True):
        alt = f"{change.name}: a {change.truth}, {change.first} before, {change.second} now"
        bars = tuple(
            Bar(
                f"{when} {word}",
                float(chance[change.index, labels.index(word)]),
                "blue" if word == change.truth else "red",
            )
            for when, word, chance in zip(
                ("before", "now"), (change.first, change.second), sure, strict=True
            )
        )
        caption = f"{change.name}: {_WORDS[change.became]}, it is {change.truth}"
        content.append(Tile((image(x, shown.signature.input, alt=alt),), bars, caption))
    return tiles(content)


def _rows(comparison: "Comparison") -> Markup:
    assert comparison.examples is not None
    changes = comparison.changes[:_ROWS]
    shown = comparison.examples.select([change.index for change in changes])
    port = shown.signature.input
    values: list[dict[str, Any]] = [{} for _ in changes]
    if port.kind in ("table", "vector"):
        values = [dict(list(row.items())[:4]) for row in cells.cells_of(shown)]
    rows = [
        [x.name, _WORDS[x.became], x.first, x.second, x.truth, *map(cells.shown, row.values())]
        for x, row in zip(changes, values, strict=True)
    ]
    head = ["example", "change", "before", "now", "true", *values[0]]
    return table(Table(head, rows, text=frozenset({1, 2, 3, 4})))


def _text(value: Any) -> str:
    return "not set" if value is None else str(value)
