"""A column of a table that says which rows are for training, validation and test."""

from collections.abc import Sequence

from jaxtyping import Int
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.data.dataset.listing import SPLITS, split_of
from cartograd.data.dataset.token_rows import parts
from cartograd.data.decode.table import Table

NAME = "split"
"""What such a column is called where nobody names it."""


def split_column(table: Table, split: str | bool | None, goals: Sequence[str], /) -> str | None:
    """The column that says it: the one that was named, or one called `split` of such words only.

    Args:
        table: the rows.
        split: its name; false for none, true for one that has to be there.
        goals: the columns to predict, which are none.

    Raises:
        UsageError: it is not there, or holds other words; the line is named.
    """
    if isinstance(split, str):
        wrong = [row for row, cell in enumerate(table.column(split)) if split_of(cell) is None]
        if wrong:
            cell = table.column(split)[wrong[0]]
            raise UsageError(
                f"{table.where(wrong[0])}: {cell!r} in {split!r} is no part; expected train, valid "
                "or test"
            )
        return split
    if split is False:
        return None
    found = [name for name in table.header if name.casefold() == NAME and name not in goals]
    fitting = [name for name in found if all(map(split_of, table.column(name)))]
    if split and not fitting:
        raise UsageError(
            f"{table.source} has no column {NAME!r} of train, valid and test (there are "
            f"{', '.join(table.header)}); name it: split=NAME"
        )
    return fitting[0] if fitting and "train" in map(split_of, table.column(fitting[0])) else None


def row_parts(
    table: Table,
    keys: Sequence[str],
    classes: Int[Tensor, " n"] | None,
    split: str | None,
    /,
    *,
    valid: float,
    test: float,
) -> tuple[dict[str, list[int]], list[str]]:
    """The rows of each part, by a hash or as a column says, and a line where it does.

    As with folders, a part that the column does not name is cut from the training rows by a hash.

    Args:
        table: the rows.
        keys: what decides where a row comes.
        classes: of the rows, if they have any.
        split: a column of words such as train, val and test.
        valid: share of the rows for validation, where no column names them.
        test: likewise for testing.

    Raises:
        UsageError: no row is for training, or too few are left.
    """
    if split is None:
        return parts(keys, classes, valid=valid, test=test), []
    chosen: dict[str, list[int]] = {part: [] for part in SPLITS}
    for row, cell in enumerate(table.column(split)):
        chosen[split_of(cell) or "train"].append(row)
    own = chosen["train"]
    if not own:
        raise UsageError(f"{table.source}: no row of {split!r} is 'train'; expected some")
    shares = {"valid": valid, "test": test}
    cut = [part for part, share in shares.items() if share and not chosen[part]]
    if cut:
        left = {part: share if part in cut else 0.0 for part, share in shares.items()}
        kept = None if classes is None else classes[own]
        anew = parts([keys[row] for row in own], kept, **left)
        chosen |= {part: [own[i] for i in anew[part]] for part in ("train", *cut)}
    counts = ", ".join(f"{part} {len(rows)}" for part, rows in chosen.items())
    more = f" ({' and '.join(cut)} cut from the training rows)" if cut else ""
    return chosen, [f"{split} says which rows are for what: {counts}{more}"]
