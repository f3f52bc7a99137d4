"""From a table of text cells to a dataset: splits by the rows' content, encoded columns."""

import math
from collections import Counter
from collections.abc import Sequence

import torch

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.task import find
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.split_column import row_parts
from cartograd.data.dataset.targets import Targets
from cartograd.data.dataset.tensors import assemble
from cartograd.data.decode.columns import fit_columns
from cartograd.data.decode.encode import encode
from cartograd.data.decode.prose import prose_columns
from cartograd.data.decode.steps import are_times


def tabular(
    name: str,
    goal: Targets,
    inputs: list[str],
    /,
    *,
    categorical: Sequence[str] = (),
    decimal: str = "",
    marks: Sequence[str] = (),
    valid: float,
    test: float,
    split: str | None = None,
    texts: str = "leave",
) -> Dataset:
    """Split the rows by a hash of their content, and encode them by the training rows.

    Args:
        name: what to call the data.
        goal: the rows and their targets.
        inputs: the columns to learn from.
        categorical: columns whose numbers are names.
        decimal: the decimal mark of all columns; found out if empty.
        marks: further cells that stand for 'not known'.
        valid: share of the rows for validation.
        test: share of the rows for testing.
        split: the column that says which rows are for what instead (see `split_column`).
        texts: how free text is encoded (see `decode.free_text`), or that it is left out.

    Raises:
        UsageError: too few rows, or no column is of use.
    """
    table = goal.table
    classes = goal.values if find(goal.port.task).target == "class" else None
    keys = row_keys(table.rows)
    chosen, said = row_parts(table, keys, classes, split, valid=valid, test=test)
    understood = fit_columns(
        table,
        inputs,
        torch.tensor(chosen["train"]),
        categorical=categorical,
        decimal=decimal,
        marks=marks,
        texts=texts,
    )
    if not understood.used:
        reasons = "; ".join(f"{key}: {reason}" for key, reason in understood.left_out.items())
        when = next((one for one in understood.left_out if are_times(table.column(one))), "")
        raise UsageError(
            f"{table.source} has no column to learn from beside the target "
            f"({reasons or 'there is no other'}); "
            + (f"time={when}, too, makes it a series to be forecast" if when else "")
            + ("" if when else "is the delimiter right?")
        )
    features = encode(table, understood.used)
    port = Port("row", "table", (features.shape[1],), columns=understood.used)
    lines = [f"{table.unit} {line}" for line in table.lines]
    signature = Signature((port,), (goal.port,))
    whole = Split(features, goal.values, signature, lines, table=table)
    splits = {part: whole.select(rows) for part, rows in chosen.items()}
    decided = [*table.notes, *goal.notes, *said, *understood.lines()]
    free = {*understood.left_out, *(one.name for one in understood.used if one.encoder)}
    found = prose_columns(table, [name for name in inputs if name in free])
    if found:
        alone = "instead" if found[0] in understood.left_out else "alone"
        decided.append(f"{found[0]} holds texts; text={found[0]} learns from them {alone}")
    return assemble(name, splits, about={"left out": understood.left_out, "decided": decided})


def row_keys(rows: Sequence[Sequence[str]], /) -> list[str]:
    r"""What says in which split a row comes: its content.

    So copies of a row stay together, and none is tested on that was seen in training. Rows that
    are equal by chance, as where few columns hold few values each, are examples of their own:
    held together they would leave whole kinds of rows out of one split. A row is equal by chance
    if other rows have each of its cells, too, and it is there at most twice as often as it would be
    if its cells had nothing to do with each other.

    >>> row_keys([["a", "0.123"], ["a", "0.123"], ["b", "0.456"]])[:2]
    ['a\x1f0.123', 'a\x1f0.123']
    """
    counts = Counter(map(tuple, rows))
    if len(counts) == len(rows):
        return ["\x1f".join(row) for row in rows]
    cells = [Counter(column) for column in zip(*rows, strict=True)]
    apart = [Counter(column) for column in zip(*counts, strict=True)]
    seen: Counter[tuple[str, ...]] = Counter()
    keys = []
    for row in map(tuple, rows):
        by_chance = counts[row] > 1 and all(
            column[cell] > 1 for column, cell in zip(apart, row, strict=True)
        )
        if by_chance:
            chances = (column[cell] / len(rows) for column, cell in zip(cells, row, strict=True))
            by_chance = counts[row] <= 2 * len(rows) * math.prod(chances)
        keys.append("\x1f".join((*row, f"#{seen[row]}") if by_chance and seen[row] else row))
        seen[row] += 1
    return keys
