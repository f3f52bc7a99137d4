"""The target column of a table: classes or values, and what was decided about them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.data.dataset.splits import FEWEST
from cartograd.data.decode.columns import among, decimal_marks
from cartograd.data.decode.encode import numbers
from cartograd.data.decode.numeric import codes, marked, missing, number, unit
from cartograd.data.decode.table import Table

FEW = 20
"""A whole-number target with at most so many values is a class; so is a text with no more."""

DIGITS = 1e-3
"""Error that float32 may make of a target, in standard deviations."""


@dataclass(frozen=True)
class Targets:
    """The targets of all rows that have one, and what they are.

    Attributes:
        table: these rows.
        values: int64 classes of shape `n`, or float32 values of shape `n 1`.
        port: what they are.
        notes: what was decided, a line each.
    """

    table: Table
    values: Tensor
    port: Port
    notes: tuple[str, ...] = ()


def targets(
    table: Table,
    target: str,
    task: str,
    /,
    *,
    decimal: str = "",
    marks: Sequence[str] = (),
    drop_missing: bool = False,
) -> Targets:
    """The targets of a table.

    Among numbers the usual marks (`-`, `NA`, ...) stand for 'not known'; among texts an empty cell
    alone does, so that a class may be called `none`. Labels that are equal as numbers (1 and 1.0),
    or but for case and blanks, are one class; codes such as 01 are none that a number could equal.

    Args:
        table: the rows.
        target: the column.
        task: `classify`, `regress`, or `auto`: classes if the cells are no numbers, or whole
            numbers with at most 20 different values.
        decimal: the decimal mark; found out if empty.
        marks: further cells that stand for 'not known'.
        drop_missing: leave out rows without a target, instead of refusing them.

    Raises:
        UsageError: too few rows, a cell is missing or of the wrong type, or all are of one class.
    """
    _refuse_few(table)
    style = decimal_marks(table, list(table.header), decimal, marks)[0][target]
    if style and codes(among(table.column(target), marks)) and task != "regress":
        style = ""
    amount = task == "regress" or bool(style)
    table, notes = _known(table, target, marks, amount=amount, drop_missing=drop_missing)
    cells = table.column(target)
    if task == "regress" or (task == "auto" and style):
        way_out = "task=classify"
        values = numbers(cells, target, table, decimal=style or ".", otherwise=way_out)
        several = len(set(values.tolist()))
        if task == "regress" or several > FEW or (values % 1 != 0).any():
            if task == "auto" and not (values % 1 != 0).any():
                notes.append(
                    f"target {target}: whole numbers, {several} different, are values; "
                    "task=classify takes them as classes"
                )
            else:
                notes.append(f"target {target}: values, {values.min():g} to {values.max():g}")
            written = unit(cells, style or ".").upper()  # a currency's code
            port = Port(target, "value", (1,), task="regress", unit=written)
            return Targets(table, _float32(table, target, values), port, tuple(notes))
    labels, of_cell, merged = _labels(cells, style)
    _check_labels(table, target, labels)
    notes += [_classes_note(target, cells, labels, of_cell, style=style, task=task), *merged]
    index = {label: i for i, label in enumerate(labels)}
    classes = np.array([index[of_cell[cell]] for cell in cells], dtype=np.int64)
    port = Port(target, "label", (len(labels),), labels=tuple(labels), task="classify")
    return Targets(table, torch.from_numpy(classes), port, tuple(notes))


def natural(label: str, /) -> tuple[bool, float, str]:
    """Sorts numbers by their size, before words.

    >>> sorted(["b", "10", "9", "a"], key=natural)
    ['9', '10', 'a', 'b']
    """
    try:
        return False, float(label), label
    except ValueError:
        return True, 0.0, label


def _known(
    table: Table, target: str, marks: Sequence[str], *, amount: bool, drop_missing: bool
) -> tuple[Table, list[str]]:
    """The rows that have a target, and what is said of the others."""
    cells = table.column(target)
    if amount:
        gaps = [row for row, cell in enumerate(cells) if missing(cell, marks)]
    else:
        gaps = [row for row, cell in enumerate(cells) if not cell or marked(cell, marks)]
    if not gaps:
        return table, []
    if not drop_missing:
        raise UsageError(
            f"{table.where(gaps[0])}: the target {target!r} is missing"
            + (f", as in {len(gaps) - 1} further rows" if len(gaps) > 1 else "")
            + "; fill it in, or give drop_missing=true to leave such rows out"
        )
    told = f"target {target}: {len(gaps)} of {len(table)} rows have none and are left out"
    left = table.select(sorted(set(range(len(table))) - set(gaps)))
    _refuse_few(left)
    return left, [told]


def folded(label: str, /) -> str:
    """A label without what seldom means anything: case, and how many blanks there are.

    >>> folded(" Very  GOOD")
    'very good'
    """
    return " ".join(label.casefold().split())


def _labels(cells: Sequence[str], style: str) -> tuple[list[str], dict[str, str], list[str]]:
    """The classes in order, the class of each cell, and which spellings were taken as one."""
    counts = Counter(cells)
    groups: dict[str | float, list[str]] = {}
    for cell in counts:
        found = number(cell, style) if style else None
        groups.setdefault(folded(cell) if found is None else found[0], []).append(cell)
    of_cell, notes = {}, []
    for key, spellings in groups.items():
        label = max(spellings, key=lambda cell: (counts[cell], cell))
        if isinstance(key, float) and key % 1 == 0 and abs(key) < 2**53:
            label = str(int(key))  # one name, whichever spelling is the usual one
        of_cell |= dict.fromkeys(spellings, label)
        if len(spellings) > 1:
            shown = ", ".join(map(repr, sorted(spellings)[:4]))
            why = "equal as numbers" if isinstance(key, float) else "equal but for case and blanks"
            notes.append(f"{shown} are one class, {label!r}: {why}")
    return sorted(set(of_cell.values()), key=natural), of_cell, notes


def _classes_note(
    target: str,
    cells: Sequence[str],
    labels: list[str],
    of_cell: dict[str, str],
    *,
    style: str,
    task: str,
) -> str:
    """How many of which class, and the other way to take numbers."""
    other = "; task=regress takes them as values" if style and task == "auto" else ""
    return f"target {target}: {counted(labels, (of_cell[cell] for cell in cells))}{other}"


def counted(labels: Sequence[str], found: Iterable[str], /) -> str:
    """How many classes there are, and how many examples of which.

    >>> counted(["cat", "dog"], ["dog", "cat", "dog"])
    '2 classes (cat 1, dog 2)'
    """
    counts = Counter(found)
    shown = ", ".join(f"{label} {counts[label]}" for label in labels[:8])
    more = f" and {len(labels) - 8} more" if len(labels) > 8 else ""
    return f"{len(labels)} classes ({shown}{more})"


def _float32(table: Table, target: str, values: np.ndarray) -> Tensor:
    """Values as the network learns them, if it can tell them apart."""
    lost = np.abs(values - values.astype(np.float32)).max()
    if lost > DIGITS * values.std():
        raise UsageError(
            f"{table.source}: the values of {target!r} are about {values.mean():.3g} and differ by "
            f"{values.std():.3g}, of which float32 keeps no digits; subtract {values.min():.0f} "
            "from all of them"
        )
    return torch.from_numpy(values).float()[:, None]


def _refuse_few(table: Table) -> None:
    if len(table) < FEWEST:
        raise UsageError(
            f"{table.source} has too few rows: {len(table)}; expected at least {FEWEST}"
        )


def _check_labels(table: Table, target: str, labels: list[str]) -> None:
    if len(labels) < 2:
        raise UsageError(
            f"{table.source}: every {target!r} is {labels[0]!r}; expected at least two classes"
        )
    if len(labels) > max(FEW, len(table) / 2):
        raise UsageError(
            f"{table.source}: {target!r} has {len(labels)} different values in {len(table)} rows; "
            "these are no classes; choose another target"
        )
