"""The page of a league: the table, and some examples of each row."""

from pathlib import Path

from markupsafe import Markup
from torch import Tensor

from cartograd.apps.report.page import write_report
from cartograd.apps.report.parts import Section, Table, Tile, note, table, tiles
from cartograd.apps.report.pictures import image, png, shades
from cartograd.apps.report.samples import grid
from cartograd.apps.results.league import HEAD, LEGEND, League, Row
from cartograd.core.files import write_file
from cartograd.core.ports import Port

ACROSS = 10
"""Examples of each row in the picture."""

TEXTS = ("kind", "flags")


def league(path: str | Path, found: League, /) -> Path:
    """Write the page, whole or not at all.

    Raises:
        UsageError: the file cannot be written.
    """
    head, rows = found.table()
    texts = frozenset(place for place, key in enumerate(HEAD) if key in TEXTS)
    content = Table(head, rows, "models, the best first; then controls", texts)
    shown = [_pictures(row, place) for place, row in enumerate(found.rows)]
    again = f"Again: {found.repeat}" if found.repeat else ""
    body = table(content) + note(LEGEND) + note(again)
    return write_report(
        path,
        [Section("league", "The table", found.rules(), Markup(body)), *shown],
        title=f"League on {found.data}",
        summary=f"{found.budget:g} processor seconds each, {found.count:,} examples of each row.",
        seal=found.judges,
    )


def picture(path: str | Path, found: League, /) -> Path:
    """Write some examples of each row as a picture, a line of it for each.

    Raises:
        UsageError: the file cannot be written.
    """
    rows = [row.pictures[:ACROSS] for row in found.rows if row.pictures is not None]
    port = _port(rows[0])
    tiles = [shades(one, port) for row in rows for one in row]
    return write_file(Path(path), png(grid(tiles, across=ACROSS)))


def _port(pictures: Tensor) -> Port:
    return Port("image", "image", tuple(pictures.shape[1:]), bounds=(0.0, 1.0))


def _pictures(row: Row, place: int) -> Section | None:
    """Examples of one row."""
    if row.pictures is None:
        return None
    port = _port(row.pictures)
    each = [
        Tile((image(one, port, alt=f"example {number} of {row.name}"),))
        for number, one in enumerate(row.pictures, start=1)
    ]
    lead = "The first ones drawn; none was chosen."
    return Section(f"row-{place}", row.name, lead, tiles(each))
