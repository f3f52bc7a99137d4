"""What commands print: tables and text for people, one JSON object for programs."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

from cartograd.core.errors import UsageError
from cartograd.core.language import each, named, said
from cartograd.core.screen import as_json

WIDTH = 160
"""Letters of a line where output goes to no terminal."""

WORD = 20
"""Letters of a word that no column is made narrower than."""

_WORD = re.compile(r"[\u3000-\u9fff\uff00-\uffef]{1,4}|[^\s\u3000-\u9fff\uff00-\uffef]+")
"""What stays together in a line; Chinese is broken between any two letters."""

COMMAND = "cartograd "
"""How a command to type begins, which is the same in every language."""


def emit(value: Any) -> None:
    """One JSON value on stdout; letters that it does not have are spelt as JSON can."""
    print(as_json(value))


def note(text: str) -> None:
    """A line for people, on stderr, where it does not disturb a program that reads stdout."""
    with suppress(OSError, ValueError):  # nobody reads it any more
        print(said(text), file=sys.stderr, flush=True)


def say(text: str, /) -> None:
    """A line for people, on stdout."""
    print(said(text))


def notes(texts: Iterable[str], /) -> None:
    """Lines for people, as `note`."""
    for text in texts:
        note(text)


def check_png(out: Path | None, /) -> None:
    """Refuse a file for a picture that would say it is something else.

    Raises:
        UsageError: its name does not end in .png.
    """
    if out is not None and out.suffix.lower() != ".png":
        raise UsageError(f"--out {out} is a picture; expected a name that ends in .png")


def check_page(out: Path | None, /) -> None:
    """Refuse a file for a page that would say it is something else.

    Raises:
        UsageError: its name does not end in .html.
    """
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--out {out} is a page; expected a name that ends in .html")


def mistake(error: Exception, /, *, as_json: bool) -> None:
    """One line that says what was wrong; with `--json` also an object on stdout."""
    message = said(" ".join(str(error).split()))
    note(f"cartograd: {message}")
    if as_json:
        emit({"error": {"kind": "usage", "message": message}})


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    /,
    *,
    right: Sequence[str] = (),
) -> None:
    """A table on stdout, as wide as it needs where that is no terminal.

    Args:
        columns: their names.
        rows: their cells.
        right: columns whose numbers line up at the right.
    """
    kept = [named(name) for name in columns]
    cells = [
        ["" if cell is None else str(cell) if own else said(str(cell))
         for own, cell in zip(kept, row, strict=False)]
        for row in rows
    ]  # fmt: skip
    columns, right = each(columns), each(right)
    drawn = None if sys.stdout.isatty() else _fitting(columns, cells, right)
    print(drawn or _wrapped(columns, cells, right))


def _fitting(columns: Sequence[str], rows: list[list[str]], right: Sequence[str]) -> str | None:
    """A table whose lines need no wrapping, as `_wrapped` draws it but ten times as fast."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) for column in zip(columns, *rows, strict=True)]
    whole = sum(widths) + 3 * (len(widths) - 1)
    if whole > WIDTH - 2 or any("\n" in cell for row in rows for cell in row):
        return None

    def line(row: Sequence[str]) -> str:
        parts = []
        for name, cell, width in zip(columns, row, widths, strict=True):
            blank = " " * (width - cell_len(cell))
            parts.append(blank + cell if name in right else cell + blank)
        return " " + "   ".join(parts).rstrip()

    return "\n".join([line(columns), " " + _rule() * whole, *map(line, rows), ""])


def _rule() -> str:
    """What lines are drawn with, where the screen has it: code page 1252 does not."""
    try:
        "\u2500".encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return "-"
    return "\u2500"


def _wrapped(columns: Sequence[str], rows: list[list[str]], right: Sequence[str]) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    screen = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    if sys.stdout.isatty() and _least(columns, rows) > screen.width:
        return _stacked(columns, rows, screen)
    sheet = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        sheet.add_column(column, justify="right" if column in right else "left")
    for row in rows:
        sheet.add_row(*map(Text, row))
    return _drawn(screen, sheet)


def _least(columns: Sequence[str], rows: list[list[str]]) -> int:
    """Letters that a table takes whose words stay whole, but for very long ones."""
    words = [_WORD.findall(" ".join(cells)) for cells in zip(columns, *rows, strict=False)]
    widths = [min(max(map(columns_of, found), default=0), WORD) for found in words]
    return sum(widths) + 3 * (len(widths) - 1) + 2


def _stacked(columns: Sequence[str], rows: list[list[str]], screen: Any) -> str:
    """A narrow screen's table: of each row the first cell, and the others below it with names."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    width = max(map(columns_of, columns[1:]), default=0)
    parts, above = [], ""
    for first, *rest in rows:
        above = first or above
        sheet = Table.grid(padding=(0, 2, 0, 0))
        sheet.add_column(min_width=width)
        sheet.add_column(overflow="fold")
        for name, cell in zip(columns[1:], rest, strict=False):
            if cell:
                sheet.add_row(Text(f"  {name}"), Text(cell))
        parts += [Text(above, style="bold"), sheet]
    return _drawn(screen, Group(*parts))


def _drawn(screen: Any, sheet: Any) -> str:
    with screen.capture() as drawn:
        screen.print(sheet)
    return "\n".join(line.rstrip() for line in drawn.get().split("\n")).strip("\n") + "\n"


def coloured(words: Sequence[str], values: Sequence[float], /) -> None:
    """Words in red by how large their values are, in blue below zero; where there are colours."""
    from rich.console import Console
    from rich.text import Text

    screen, most = Console(highlight=False), max(map(abs, values), default=0.0) or 1.0
    if not screen.is_terminal:
        return
    line = Text()
    for word, value in zip(words, values, strict=True):
        pale = round(255 * (1 - abs(value) / most))
        colour = f"rgb(255,{pale},{pale})" if value > 0 else f"rgb({pale},{pale},255)"
        line.append(word, style=f"black on {colour}")
    screen.print(line)
    print()


def lines(pairs: Iterable[tuple[str, str]], /) -> None:
    """Names and values under each other."""
    told = [(said(name), value if value.startswith(COMMAND) else said(value))
            for name, value in pairs]  # fmt: skip
    if not told:
        return
    width = max(columns_of(name) for name, _ in told)
    for name, value in told:
        print(f"{padded(name, width)}  {value}")


def padded(text: str, width: int, /) -> str:
    """A text with the blanks that make it as wide on a terminal."""
    return text + " " * (width - columns_of(text))


def columns_of(text: str, /) -> int:
    """How many columns of a terminal a text takes: two for a Chinese letter.

    >>> columns_of("loss"), columns_of("损失")
    (4, 4)
    """
    return len(text) + sum(east_asian_width(letter) in "WF" for letter in text)


def curve(values: Sequence[float], /, *, width: int = 64, height: int = 12) -> str:
    """Numbers over their places, drawn with letters.

    >>> print(curve([0.0, 1.0, 2.0], width=3, height=3))
              2 |  *
                | *
              0 |*
                 1 3
    """
    columns = min(width, len(values))
    places = [round(i * (len(values) - 1) / max(columns - 1, 1)) for i in range(columns)]
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    rows = [round((values[place] - low) / span * (height - 1)) for place in places]
    drawn = []
    for row in reversed(range(height)):
        label = {height - 1: f"{high:.4g}", 0: f"{low:.4g}"}.get(row, "")
        marks = "".join("*" if found == row else " " for found in rows)
        drawn.append(f"{label:>11} |{marks.rstrip()}")
    end = str(len(values))
    return "\n".join([*drawn, f"{'':13}1{end:>{max(columns - 1, len(end) + 1)}}"])


def verdict(sentence: str, /) -> None:
    """How a model compares with what it has to beat: the first line of a result."""
    if sentence:
        say(f"this is {sentence}")


def decided(about: Mapping[str, Any], /) -> list[tuple[str, str]]:
    """What was chosen on validation examples after the training, as lines."""
    words = {"calibrate": "calibrated"}
    found: Mapping[str, str] = about.get("decision") or {}
    return [(words.get(key, key), told) for key, told in found.items()]


def metrics(
    values: dict[str, float],
    intervals: dict[str, tuple[float, float]],
    averages: Mapping[str, Mapping[str, Any]],
    /,
) -> None:
    """A table of metrics with their intervals, each with the average or class that it is of."""
    from cartograd.apps.answers import units
    from cartograd.apps.answers.averaged import spoken

    rows = []
    for name, value in values.items():
        told = spoken(name, averages.get(name, {}))
        rows.append((told, units.metric(name, value), units.ends(name, *intervals[name])))
    table(("metric", "value", "95 % interval"), rows, right=("value",))
