"""From a table of text cells to a dataset: targets, splits, encoded columns."""

import numpy as np
import torch
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.task import find
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.splits import FEWEST, assign
from cartograd.data.dataset.tensors import assemble
from cartograd.data.decode.encode import encode, fit_columns, is_numeric, numbers
from cartograd.data.decode.table import Table, missing

FEW = 20
"""A whole-number target with at most so many values is a class; so is a text with no more."""


def tabular(
    name: str,
    table: Table,
    inputs: list[str],
    goal: tuple[Tensor, Port],
    /,
    *,
    categorical: tuple[str, ...] = (),
    valid: float,
    test: float,
) -> Dataset:
    """Split the rows by a hash of their content, and encode them by the training rows.

    Args:
        name: what to call the data.
        table: the rows.
        inputs: the columns to learn from.
        goal: the targets, and what they are (see `targets`).
        categorical: columns whose numbers are names.
        valid: share of the rows for validation.
        test: share of the rows for testing.

    Raises:
        UsageError: too few rows, or no column is of use.
    """
    _refuse_few(table)
    values, output = goal
    classes = values if find(output.task).target == "class" else None
    keys = ["\x1f".join(row) for row in table.rows]
    parts = assign(keys, classes, valid=valid, test=test)
    columns, left_out = fit_columns(table, inputs, parts[0], categorical=categorical)
    if not columns:
        reasons = "; ".join(f"{key}: {reason}" for key, reason in left_out.items())
        raise UsageError(
            f"{table.source} has no column to learn from beside the target "
            f"({reasons or 'there is no other'}); is the delimiter right?"
        )
    features = encode(table, columns)
    port = Port("row", "table", (features.shape[1],), columns=columns)
    lines = [f"line {line}" for line in table.lines]
    whole = Split(features, values, Signature((port,), (output,)), lines)
    train, held_back, last = map(whole.select, parts)
    splits = {"train": train, "valid": held_back, "test": last}
    return assemble(name, splits, about={"left out": left_out})


def targets(table: Table, target: str, task: str, /) -> tuple[Tensor, Port]:
    """The targets of all rows, and what they are: classes, or values.

    Args:
        table: the rows.
        target: the column.
        task: `classify`, `regress`, or `auto`: classes if the cells are no numbers, or whole
            numbers with at most 20 different values.

    Raises:
        UsageError: too few rows, a cell is missing or of the wrong type, or all are of one class.
    """
    _refuse_few(table)
    cells = table.column(target)
    for row, cell in enumerate(cells):
        if missing(cell):
            raise UsageError(
                f"{table.where(row)}: the target {target!r} is missing; fill it in or remove the "
                "row"
            )
    if task == "regress" or (task == "auto" and is_numeric(cells)):
        values = numbers(cells, target, table, otherwise="task=classify")
        if task == "regress" or len(set(cells)) > FEW or (values % 1 != 0).any():
            return torch.from_numpy(values).float()[:, None], Port(
                target, "value", (1,), task="regress"
            )
    labels = sorted(set(cells), key=natural)
    _check_labels(table, target, labels)
    index = {label: i for i, label in enumerate(labels)}
    classes = torch.from_numpy(np.array([index[cell] for cell in cells], dtype=np.int64))
    return classes, Port(target, "label", (len(labels),), labels=tuple(labels), task="classify")


def natural(label: str, /) -> tuple[bool, float, str]:
    """Sorts numbers by their size, before words.

    >>> sorted(["b", "10", "9", "a"], key=natural)
    ['9', '10', 'a', 'b']
    """
    try:
        return False, float(label), label
    except ValueError:
        return True, 0.0, label


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
