"""Numbers as people and spreadsheets write them: currency, percent, thousands, a decimal comma.

A column has one style. With a decimal point the thousands may be set off by commas, apostrophes
or blanks (1,234.50); with a decimal comma by points, apostrophes or blanks (1.234,50). Groups have
three digits, so that `24,11` can only be a decimal comma. Where all cells of a column could be
either (`1,234`), the other columns of the table decide.
"""

import math
import re
from collections.abc import Sequence

MISSING = {
    "", "na", "n/a", "n.a.", "nan", "null", "none", "<na>", "nat", "?", "-", "--", "\u2013",
    "\u2014", ".", "#n/a", "#na", "#null!", "#div/0!", "#value!", "#num!", "#ref!", "#name?",
}  # fmt: skip
"""Cells (in any case) that stand for 'not known' among numbers, in a spreadsheet's words too."""

NUMERIC = 0.9
"""Share of the known cells that must be numbers."""

SPACES = " \u00a0\u2009\u202f"
_UNIT = r"[$€£¥₹₽₩%‰]|usd|eur|gbp|chf|cny|rmb|jpy|inr|元"


def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    grouped = rf"[1-9]\d{{0,2}}(?:(?P<gap>[{thousands}])\d{{3}})(?:(?P=gap)\d{{3}})*"
    return re.compile(
        rf"(?P<open>\()?(?P<before>{_UNIT})?[{SPACES}]*(?P<sign>[+\-−])?[{SPACES}]*(?P<unit>{_UNIT})?"
        rf"[{SPACES}]*(?P<whole>{grouped}|\d+|(?=[{decimal}]\d))(?:[{decimal}](?P<part>\d*))?"
        rf"(?:e(?P<power>[+\-]?\d+))?[{SPACES}]*(?P<after>{_UNIT})?(?(open)\))",
        re.IGNORECASE,
    )


_STYLES = {".": _pattern(".", f",'’{SPACES}"), ",": _pattern(",", f".'’{SPACES}")}
_GROUPED = re.compile(r"[^\d]*[1-9]\d{0,2}(?:\.\d{3})+[^\d]*")
_CODE = re.compile(r"\d+")
_NOT_DIGIT = re.compile(r"\D")


def missing(cell: str, /, marks: Sequence[str] = ()) -> bool:
    """Whether a cell among numbers or dates stands for 'not known'.

    Args:
        cell: the cell.
        marks: further cells that do; a number stands for all its spellings.

    >>> missing("N/A"), missing("-"), missing("-999.0", ("-999",)), missing("0")
    (True, True, True, False)
    """
    return cell.lower() in MISSING or marked(cell, marks)


def marked(cell: str, marks: Sequence[str], /) -> bool:
    """Whether a cell is one of the marks that were named for 'not known'."""
    if not marks:
        return False
    value = plain(cell)
    return cell in marks or (value is not None and value in map(plain, marks))


def plain(cell: str, /) -> float | None:
    """The number that a program would write so; `None` for anything else."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in cell else None


def number(cell: str, /, decimal: str = ".") -> tuple[float, str] | None:
    """A cell's value and its unit (a currency, `%`, or nothing); `None` if it is no number.

    Brackets are an accountant's minus. Percents stay as they are written: 12 for 12%.

    Args:
        cell: the cell.
        decimal: `.` or `,`.

    >>> number("$1,234.50"), number("(12.0%)"), number("1.234,5", ","), number("24,11")
    ((1234.5, '$'), (-12.0, '%'), (1234.5, ''), None)
    """
    if decimal == "." and (value := plain(cell)) is not None:
        return value, ""
    found = _STYLES[decimal].fullmatch(cell)
    if found is None:
        return None
    units = {unit.lower() for unit in found.group("before", "unit", "after") if unit}
    if len(units) > 1:
        return None
    whole = _NOT_DIGIT.sub("", found["whole"]) or "0"
    value = float(f"{whole}.{found['part'] or '0'}e{found['power'] or '0'}")
    negative = found["sign"] in ("-", "−")
    value = -value if negative != bool(found["open"]) else value
    return (value, units.pop() if units else "") if math.isfinite(value) else None


def unit(cells: Sequence[str], decimal: str, /) -> str:
    """The unit of the first number that is not 0: nothing is nothing in every unit.

    >>> unit(["-", "0", "12.5%"], "."), unit(["$0", "3"], ".")
    ('%', '')
    """
    found = (number(cell, decimal) for cell in cells)
    return next((one[1] for one in found if one and one[0]), "")


def decimals(cells: Sequence[str], /) -> str:
    """With which decimal marks the known cells are numbers: ``.``, ``,``, `.,` for either, or none.

    >>> decimals(["1", "2.5"]), decimals(["24,11", "3"]), decimals(["1,234"]), decimals(["two"])
    ('.', ',', '.,', '')
    """
    if not cells or not _number_like(cells):
        return ""
    wanted = NUMERIC * len(cells)
    decided = not any("," in cell or _GROUPED.fullmatch(cell) for cell in cells)
    styles = "." if decided else ".,"
    counts = {style: sum(number(cell, style) is not None for cell in cells) for style in styles}
    kept = [style for style in styles if counts[style] >= wanted]
    if len(kept) == 2 and counts["."] != counts[","]:
        return max(kept, key=counts.__getitem__)
    if len(kept) == 2 and all(number(cell, ".") == number(cell, ",") for cell in cells):
        return "."
    return "".join(kept)


def _number_like(cells: Sequence[str]) -> bool:
    """Whether the first cells could be numbers at all; saves looking at every cell of a text."""
    return any(character.isdigit() for cell in cells[:1000] for character in cell)


def codes(cells: Sequence[str], /) -> bool:
    """Whether these are codes of one length, some with leading zeros, as of areas: 01, 02, 10.

    >>> codes(["01", "02", "10"]), codes(["1", "2"]), codes(["0", "1"])
    (True, False, False)
    """
    lengths = {len(cell) for cell in cells}
    return (
        len(lengths) == 1
        and max(lengths) > 1
        and any(cell.startswith("0") for cell in cells)
        and all(map(_CODE.fullmatch, cells))
    )
