"""The pieces that sections are made of: tables, charts with a table twin, tiles of pictures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cartograd.apps.report.pictures import Picture
from cartograd.core.language import named


@dataclass(frozen=True)
class Section:
    """One part of a report.

    Attributes:
        anchor: its name in links, unique in the report.
        title: its heading.
        lead: a sentence or two that say how to read it.
        body: the HTML.
    """

    anchor: str
    title: str
    lead: str
    body: Markup


@dataclass(frozen=True)
class Figure:
    """A number of the head of a report: what it is, how large, and remarks (`; ` between them)."""

    name: str
    value: str
    remark: str = ""


@dataclass(frozen=True)
class Bar:
    """A share of one as a labelled bar, in a colour of the palette."""

    label: str
    share: float
    colour: str = "muted"


@dataclass(frozen=True)
class Tile:
    """Pictures side by side, with what was said about them."""

    pictures: tuple[Picture, ...]
    bars: tuple[Bar, ...] = ()
    caption: str = ""


@dataclass(frozen=True)
class Table:
    """A table; cells are text, or Markup made by this file.

    Attributes:
        head: the columns' names.
        rows: as many cells as columns each; the first cell is the row's heading.
        caption: what the table holds.
        text: indices of the columns that are not numbers (left-aligned); the first always is.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""
    text: frozenset[int] = field(default_factory=frozenset)


@cache
def environment() -> Environment:
    """The templates, with everything escaped that is not Markup already."""
    found = Environment(
        loader=PackageLoader("cartograd.apps.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["named"] = named
    return found


def _part(name: str, *args: Any) -> Markup:
    macro = getattr(environment().get_template("parts.html").module, name)
    return Markup(macro(*args))


def table(content: Table, /) -> Markup:
    """A table as HTML."""
    return _part("table", content)


def chart(drawing: Markup, /, *, caption: str = "", twin: Sequence[Table] = ()) -> Markup:
    """A drawing with the same numbers as tables, folded away below it."""
    return _part("chart", drawing, caption, twin)


def tiles(content: Iterable[Tile], /) -> Markup:
    """Pictures in a grid."""
    return _part("tiles", list(content))


def interval(value: float, low: float, high: float, /, *, baseline: float | None = None) -> Markup:
    """A share with its interval on a line from zero to one; a tick for the baseline."""
    return _part("interval", value, low, high, baseline)


def note(text: str, /) -> Markup:
    """A remark below a chart."""
    return Markup('<p class="note">{}</p>').format(text)
