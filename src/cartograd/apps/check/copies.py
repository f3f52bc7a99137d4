"""Examples that are there twice: in one part, in two parts, or with another answer.

Rows of few cells with few values each are equal by chance; such are no copies (`row_keys`).
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from cartograd.apps.check.looked import PARTS, Looked
from cartograd.apps.results.data_card import DataFinding, Shown
from cartograd.data.dataset.tabular import row_keys

MANY = 0.01
"""Share of copies from which on they are worth a warning."""

PAGE = 8
"""Groups that the page shows."""


def copies(seen: Looked, /) -> list[DataFinding]:
    """Examples with the same content; where the answers are values, with the same one, too."""
    keys = _keys(seen)
    if seen.targets is not None and not seen.labels:
        keys = list(zip(keys, seen.targets.tolist(), strict=True))
    return findings(seen, groups(keys), "copies", "that are there already")


def groups(keys: Sequence[Hashable], /) -> list[list[int]]:
    """Places with the same key, where there are several.

    >>> groups(["a", "b", "a"])
    [[0, 2]]
    """
    found = defaultdict[Hashable, list[int]](list)
    for row, key in enumerate(keys):
        found[key].append(row)
    return [rows for rows in found.values() if len(rows) > 1]


def findings(
    seen: Looked, found: Iterable[Sequence[int]], what: str, are: str, /
) -> list[DataFinding]:
    """What groups of like examples mean: for the parts, for the answers, and by themselves.

    Args:
        seen: the examples.
        found: groups of them.
        what: what they are called.
        are: what is the matter with them, in words.
    """
    found = list(found)
    apart = [rows for rows in found if len(set(seen.part[rows])) > 1]
    other = [rows for rows in found if _answers(seen, rows) > 1]
    alone = [rows for rows in found if rows not in apart and rows not in other]
    rest = sum(len(rows) - 1 for rows in alone)
    told = list[DataFinding]()
    if apart:
        held = sum(int((seen.part[rows] > 0).sum()) for rows in apart)
        told.append(
            DataFinding(
                "warn", f"{what} in two parts",
                f"{counted(held)} held back that another part has, too: known before it is asked",
                held, _pairs(seen, apart),
                "take them out of the training part, or let the parts be cut anew",
                shown=_shown(seen, apart),
            )
        )  # fmt: skip
    if other:
        count = sum(map(len, other))
        told.append(
            DataFinding(
                "note" if seen.table and count <= MANY * len(seen) else "warn",
                f"{what} with other answers",
                f"{counted(count)} that are alike and have different answers", count,
                _pairs(seen, other), "mend the answers, or take one of each",
                shown=_shown(seen, other),
            )
        )  # fmt: skip
    if rest:
        severity = "warn" if rest > MANY * len(seen) else "note"
        told.append(
            DataFinding(
                severity, what, f"{counted(rest)} of {len(seen):,} {are}", rest,
                _pairs(seen, alone), "take them out, unless they are meant",
                shown=_shown(seen, alone),
            )
        )  # fmt: skip
    return told


def counted(count: int, word: str = "example", /) -> str:
    """A number of things.

    >>> counted(1), counted(2000, "file")
    ('1 example', '2,000 files')
    """
    return f"{count:,} {word}{'s' * (count != 1)}"


def _keys(seen: Looked) -> Sequence[Hashable]:
    """What says that two examples are equal."""
    columns = seen.signature.input.columns
    if seen.table is None or not columns:
        return seen.keys
    return row_keys(seen.table.columns([column.name for column in columns]).rows)


def _answers(seen: Looked, rows: Sequence[int]) -> int:
    """How many different classes some examples have."""
    if seen.targets is None or not seen.labels:
        return 0
    return len(np.unique(seen.targets[list(rows)]))


def _pairs(seen: Looked, found: Sequence[Sequence[int]]) -> tuple[str, ...]:
    """The first two of each group."""
    return tuple(f"{_where(seen, rows[0])} = {_where(seen, rows[1])}" for rows in found[:50])


def _where(seen: Looked, row: int) -> str:
    name, part = seen.name(row), PARTS[seen.part[row]]
    return name if name.startswith(part) else f"{name} ({part})"


def _shown(seen: Looked, found: Sequence[Sequence[int]]) -> tuple[tuple[Shown, ...], ...]:
    """Pictures of the first groups."""
    if seen.signature.example.kind != "image":
        return ()
    return tuple(
        tuple(Shown(seen.x(row), _where(seen, row), seen.label(row)) for row in rows[:2])
        for rows in found[:PAGE]
    )
