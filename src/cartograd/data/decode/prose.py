"""Which columns of a table hold texts: cells of several words that seldom come twice."""

import re
from collections.abc import Sequence

from cartograd.data.decode.table import Table

WORDS = 3
"""Words of a text, at the median: names of places and things have fewer."""

SELDOM = 0.5
"""Share of the cells that are different ones, from which on they are no categories."""

TOGETHER = (("premise", "hypothesis"), ("query", "passage"), ("query", "document"))
"""Names of two columns whose texts are a pair."""

CHINESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Writing without blanks between its words; two characters count as a word."""


def is_prose(cells: Sequence[str], /) -> bool:
    """Whether cells are texts, most of them different.

    >>> is_prose(["what a film", "no, not again", "I liked it"]), is_prose(["New York", "Rome"])
    (True, False)
    """
    known = [cell for cell in cells if cell]
    if len(set(known)) <= SELDOM * len(known):
        return False
    return _wordy(known)


def pair_columns(table: Table, names: Sequence[str], /) -> tuple[str, ...]:
    """Two columns that hold the texts of pairs: by their names, or since there are no others.

    Names that differ by a number or letter at their end alone (`sentence1`, `sentence2`; `text_a`,
    `text_b`) go together, and so do some words; texts of such columns may come often.
    """
    found = [name for name in names if _wordy(table.column(name))]
    for first in found:
        for second in found:
            words = (first.casefold(), second.casefold())
            if words in TOGETHER or _numbered(*words):
                return first, second
    prose = [name for name in names if is_prose(table.column(name))]
    return tuple(prose) if len(prose) == len(names) == 2 else ()


def _numbered(first: str, second: str) -> bool:
    """Whether two names are the same but for 1 and 2, or a and b, at their end."""
    ends = (first[-1:], second[-1:])
    stems = first[:-1], second[:-1]
    return stems[0] == stems[1] != "" and ends in (("1", "2"), ("a", "b"))


def _wordy(cells: Sequence[str]) -> bool:
    """Whether cells hold several words, at the median."""
    counts = sorted(map(_words, filter(None, cells)))
    return bool(counts) and counts[len(counts) // 2] >= WORDS


def _words(cell: str) -> float:
    return len(CHINESE.findall(cell)) / 2 + len(cell.split())


def prose_columns(table: Table, names: Sequence[str], /, *, repeated: bool = False) -> list[str]:
    """The columns that hold texts, that of the longest texts first.

    Args:
        table: the rows.
        names: the columns.
        repeated: take texts that come often, too, where there are no others.
    """
    found = [name for name in names if is_prose(table.column(name))]
    if repeated and not found:
        found = [name for name in names if _wordy(table.column(name))]
    return sorted(found, key=lambda name: -sum(map(len, table.column(name))))
