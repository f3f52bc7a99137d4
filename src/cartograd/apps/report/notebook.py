"""Results as small pieces of HTML for notebooks: tables, a run's curve, thumbnails.

Each piece stands alone: no script, no style sheet, nothing fetched. Text and lines take the
notebook's own colour (`currentColor`), so that they are legible on a light and on a dark page.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from cartograd.apps.answers import units
from cartograd.apps.report.pictures import image

ROWS = 20
"""Rows of a table before the rest is counted only."""

THUMBNAILS = 12
"""Pictures of a dataset."""

SIZE = (360, 120)
"""Width and height of a curve."""

CELL = Markup("padding:2px 10px;text-align:left;border-bottom:1px solid #8888")
FRAME = Markup('<div style="font-family:sans-serif;font-size:13px">{}</div>')


def run(made: Any, /) -> str:
    """A run: where it is, its best epoch's figures, and its losses as a curve."""
    best = made.best or (made.history[-1] if made.history else {})
    facts = [("folder", made.folder or "none"), ("epochs", len(made.history))]
    facts += [("steps", made.steps), ("stopped", made.stopped or "at its end")]
    figures = [
        (name, units.metric(name.rpartition("/")[2], value))
        for name, value in best.items()
        if isinstance(value, float) and name.partition("/")[0] in ("train", "valid")
    ]
    return FRAME.format(_table(("run", ""), [*facts, *figures]) + _curves(made.history))


def evaluation(found: Any, /) -> str:
    """An evaluation: each metric with its interval."""
    rows = []
    for name, value in found.metrics.items():
        ends = units.ends(name, *found.intervals[name])
        rows.append((found.spoken(name), units.metric(name, value), ends))
    told = f"{found.examples:,} examples; {found.parameters:,} parameters"
    if found.doubts:
        told += f"; approximate intervals: {found.approximate()}"
    return FRAME.format(_table(("metric", "value", "95 % interval"), rows, caption=told))


def dataset(data: Any, /) -> str:
    """A dataset: the sizes of its parts, what goes in and comes out, and pictures if it has any."""
    port, answer = data.signature.input, data.signature.output
    rows = [(part, f"{len(getattr(data, part)):,} examples") for part in ("train", "valid", "test")]
    rows.append(("input", f"{port.kind}, {' x '.join(map(str, port.dims))}"))
    labels = ", ".join(answer.labels[:ROWS]) + (", ..." if len(answer.labels) > ROWS else "")
    rows.append(("output", f"{answer.kind}{': ' if labels else ''}{labels}"))
    rows += [("decided", line) for line in data.decided]
    return FRAME.format(_table((data.name, ""), rows) + _thumbnails(data))


def answers(rows: Sequence[Mapping[str, Any]], /) -> str:
    """Answers as `predict` gives them: a row each, with the columns that any of them has."""
    head = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[_cell(row.get(key)) for key in head] for row in rows[:ROWS]]
    more = f"and {len(rows) - ROWS:,} more" if len(rows) > ROWS else ""
    return FRAME.format(_table(head, cells, caption=more))


def explanation(found: Any, /) -> str:
    """Each text with its tokens coloured: red for the answer, blue against it; else a table."""
    if not any(found.tokens):
        return FRAME.format(_table(("source", "explains", "contributes most"), found.rows()))
    made = Markup()
    errors: Any = [None] * len(found.names) if found.errors is None else found.errors
    parts = zip(found.names, found.titles, found.attributions, found.tokens, errors, strict=True)
    for name, title, heat, tokens, error in parts:
        words = [token.partition(" ")[2] for token in tokens]
        values = heat[: len(words)].tolist()
        most = max(map(abs, values), default=0.0) or 1.0
        wide = [""] * len(words) if error is None else [f" ± {one:.2g}" for one in error.tolist()]
        body = Markup().join(map(_coloured, words, values, [most] * len(words), wide))
        head = title if name in ("", "".join(words)) else f"{name}: {title}"
        made += Markup("<p><b>{}</b><br>{}</p>").format(head, body)
    return FRAME.format(
        made + Markup("<div>red: for it, blue: against it; {}</div>").format(found.method)
    )


def _coloured(word: str, value: float, most: float, error: str) -> Markup:
    colour = "214,39,40" if value > 0 else "31,119,180"
    style = f"background:rgba({colour},{0.65 * abs(value) / most:.2f});border-radius:3px"
    return Markup('<span style="{}" title="{}">{}</span>').format(
        style, f"{value:+.4g}{error}", word
    )


def _table(head: Sequence[Any], rows: Sequence[Sequence[Any]], /, *, caption: str = "") -> Markup:
    """A table; whatever is not Markup is escaped."""
    top = Markup().join(Markup('<th style="{}">{}</th>').format(CELL, word) for word in head)
    body = Markup().join(
        Markup("<tr>{}</tr>").format(
            Markup().join(Markup('<td style="{}">{}</td>').format(CELL, cell) for cell in row)
        )
        for row in rows
    )
    below = Markup("<div>{}</div>").format(caption) if caption else Markup()
    return (
        Markup(
            '<table style="border-collapse:collapse"><thead><tr>{}</tr></thead>'
            "<tbody>{}</tbody></table>"
        ).format(top, body)
        + below
    )


def _cell(value: Any) -> str:
    """An answer's value in a word or a few."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        near = sorted(value.items(), key=lambda pair: -pair[1] if _number(pair[1]) else 0)[:3]
        return ", ".join(f"{name} {_cell(item)}" for name, item in near)
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value[:8])) + (", ..." if len(value) > 8 else "")
    return "" if value is None else str(value)


def _number(value: Any) -> bool:
    return isinstance(value, int | float)


def _curves(history: Sequence[Mapping[str, Any]]) -> Markup:
    """Training loss (a line) and validation loss (dashed) by epoch."""
    lines = {
        name: [float(record[f"{name}/loss"]) for record in history if f"{name}/loss" in record]
        for name in ("train", "valid")
    }
    values = [value for line in lines.values() for value in line]
    if not values or max(map(len, lines.values())) < 2:
        return Markup()
    low, high = min(values), max(values)
    width, height = SIZE
    drawn = Markup()
    for name, line in lines.items():
        points = " ".join(
            f"{4 + (width - 8) * i / max(len(line) - 1, 1):.1f},"
            f"{height - 4 - (height - 8) * (value - low) / ((high - low) or 1):.1f}"
            for i, value in enumerate(line)
        )
        dash = "5 4" if name == "valid" else "none"
        drawn += Markup(
            '<polyline points="{}" fill="none" stroke="currentColor" stroke-width="1.5" '
            'stroke-dasharray="{}"/>'
        ).format(points, dash)
    told = f"loss from {high:.3g} to {low:.3g}: training a line, validation dashed"
    return Markup(
        '<svg role="img" aria-label="{}" width="{}" height="{}" viewBox="0 0 {} {}">{}</svg>'
        "<div>{}</div>"
    ).format(told, width, height, width, height, drawn, told)


def _thumbnails(data: Any) -> Markup:
    port, answer = data.signature.input, data.signature.output
    if port.kind != "image" or len(port.dims) != 3 or not len(data.train):
        return Markup()
    part = data.train.select(range(min(THUMBNAILS, len(data.train))))
    made = Markup()
    for x, y in zip(part.inputs, part.targets, strict=True):
        label = answer.labels[int(y)] if answer.labels and y.ndim == 0 else ""
        made += Markup(
            '<img src="{}" alt="{}" title="{}" style="height:48px;margin:2px;'
            'image-rendering:pixelated">'
        ).format(image(x, port, alt=label).uri, label, label)
    return Markup("<div>{}</div>").format(made)
