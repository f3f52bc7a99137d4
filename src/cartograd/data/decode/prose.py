"""Which columns of a table hold texts: cells of several words that seldom come twice."""

import re
from collections.abc import Sequence

from cartograd.data.decode.table import Table

WORDS = 3
"""Words of a text, at the median: names of places and things have fewer."""

SELDOM = 0.5
"""Share of the cells that are different ones, from which on they are no categories."""

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
    counts = sorted(len(CHINESE.findall(cell)) / 2 + len(cell.split()) for cell in known)
    return counts[len(counts) // 2] >= WORDS


def prose_columns(table: Table, names: Sequence[str], /) -> list[str]:
    """The columns that hold texts, that of the longest texts first."""
    found = [name for name in names if is_prose(table.column(name))]
    return sorted(found, key=lambda name: -sum(map(len, table.column(name))))
