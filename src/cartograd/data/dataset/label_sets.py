"""Labels of rows, any number of which may hold: parted in one column, or a column for each."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.data.dataset.targets import FEW, Targets, folded, natural
from cartograd.data.decode.table import Table

SEPARATORS = (";", "|")
"""What may stand between the labels of a cell."""

OFTEN = 0.05
"""Share of the cells that hold several labels, from which on a column is taken to hold sets."""

YES = {"1": 1.0, "1.0": 1.0, "true": 1.0, "yes": 1.0, "0": 0.0, "0.0": 0.0, "false": 0.0, "no": 0.0}
"""Cells of a column that says whether one label holds."""


def separator(cells: Sequence[str], /) -> str | None:
    """What parts the labels of cells like `a;b`: where it does, there are fewer labels than sets.

    >>> separator(["red;big", "red", "big", "big;red;old", "old"]), separator(["a;b", "c;d"])
    (';', None)
    """
    known = [cell for cell in cells if cell]
    for mark in SEPARATORS:
        several = sum(mark in cell for cell in known)
        counts = Counter(label for cell in known for label in _labels(cell, mark))
        fewer = len(counts) < len(set(known)) and sum(counts.values()) > 2 * len(counts)
        if several >= max(1, OFTEN * len(known)) and fewer:
            return mark
    return None


def label_sets(table: Table, columns: Sequence[str], /) -> Targets:
    """The labels of each row; a row may have none.

    Args:
        table: the rows.
        columns: one of cells like `a;b`, or several of yes and no (1 and 0, true and false), whose
            names are the labels.

    Raises:
        UsageError: a cell is neither yes nor no, or there are too few labels or too many; the line
            is named.
    """
    if len(columns) == 1:
        return _parted(table, columns[0])
    rows = [[_holds(table, row, name) for name in columns] for row in range(len(table))]
    return _made(table, "labels", tuple(columns), torch.tensor(rows))


def _holds(table: Table, row: int, name: str) -> float:
    cell = table.rows[row][table.header.index(name)]
    if cell.casefold() not in YES:
        raise UsageError(
            f"{table.where(row)}: {cell!r} in {name!r} does not say whether the label holds; "
            "expected 0 or 1, no or yes"
        )
    return YES[cell.casefold()]


def _parted(table: Table, column: str) -> Targets:
    cells = table.column(column)
    mark = separator(cells) or SEPARATORS[0]
    sets, merged = _one_spelling([_labels(cell, mark) for cell in cells])
    labels = sorted({label for own in sets for label in own}, key=natural)
    if len(labels) > max(FEW, len(table) / 2):
        raise UsageError(
            f"{table.source}: {column!r} has {len(labels)} different labels in {len(table)} rows; "
            f"these are no labels; expected cells like a{mark}b"
        )
    rows = [[float(label in own) for label in labels] for own in sets]
    made = _made(table, column, tuple(labels), torch.tensor(rows))
    return replace(made, notes=(*made.notes, *merged))


def _one_spelling(sets: Sequence[set[str]]) -> tuple[list[set[str]], list[str]]:
    """The sets with one spelling of labels that are equal but for case and blanks; what became one.

    It is the most frequent one.
    """
    counts = Counter(label for own in sets for label in own)
    groups: dict[str, list[str]] = {}
    for label in counts:
        groups.setdefault(folded(label), []).append(label)
    chosen = {
        key: max(one, key=lambda label: (counts[label], label)) for key, one in groups.items()
    }
    notes = [
        f"{', '.join(map(repr, sorted(one)[:4]))} are one label, {chosen[key]!r}: equal but for "
        "case and blanks"
        for key, one in groups.items()
        if len(one) > 1
    ]
    return [{chosen[folded(label)] for label in own} for own in sets], notes


def _labels(cell: str, mark: str) -> set[str]:
    return {label for one in re.split(re.escape(mark), cell) if (label := one.strip())}


def _made(table: Table, name: str, labels: tuple[str, ...], values: Tensor) -> Targets:
    if len(labels) < 2:
        raise UsageError(f"{table.source}: {name!r} has {len(labels)} labels; expected two or more")
    counts = zip(labels, values.sum(0).int().tolist(), strict=True)
    shown = ", ".join(f"{label} {count}" for label, count in list(counts)[:8])
    more = f" and {len(labels) - 8} more" if len(labels) > 8 else ""
    none = int((values.sum(1) == 0).sum())
    told = f"target {name}: {len(labels)} labels, any of which may hold ({shown}{more})"
    told += f"; {none} rows have none" if none else ""
    port = Port(name, "label", (len(labels),), labels=labels, task="multi-label")
    return Targets(table, values, port, (told,))
