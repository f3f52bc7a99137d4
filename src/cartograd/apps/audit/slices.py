"""Groups of examples that a model may treat unlike: by a column, or by what can be seen of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.apps.report.cells import cells_of, shown
from cartograd.data.dataset.dataset import Split

MOST = 8
"""Groups of a column; rarer cells are one group together."""
LEAST = 10
"""Examples of a group without which nothing is said of it."""
THIRDS = ("low", "middle", "high")


@dataclass(frozen=True)
class Slices:
    """One way to part the examples.

    Attributes:
        name: of the way.
        group: the number of each example's group, from 0.
        names: of the groups.
    """

    name: str
    group: Int[Tensor, " n"]
    names: tuple[str, ...]


def slices_of(examples: Split, column: str, labels: Sequence[str], /) -> list[Slices]:
    """How the examples are parted: by the column, or by what can be seen of their kind.

    Args:
        examples: with their table, if they have one.
        column: of that table; empty for the usual slices.
        labels: names of the classes.
    """
    if column:
        return [_by_cells(examples, column)]
    found, kind, x = [], examples.signature.input.kind, examples.inputs
    if kind == "image":
        flat = x.flatten(1).double()
        middle = (flat.amin() + flat.amax()) / 2
        found += [thirds("brightness", flat.mean(1)),
                  thirds("size", (flat > middle).double().mean(1))]  # fmt: skip
    elif kind == "text":
        padding = examples.signature.input.padding_id
        there = x != padding if padding is not None else torch.ones_like(x, dtype=torch.bool)
        found.append(thirds("length", there.double().sum(1)))
    return [*found, Slices("class", examples.targets.long(), tuple(labels))]


def thirds(name: str, values: Float[Tensor, " n"], /) -> Slices:
    """The examples by the size of a number: low, middle, high.

    >>> thirds("brightness", torch.tensor([3.0, 1.0, 2.0], dtype=torch.float64)).group.tolist()
    [2, 0, 1]
    """
    limits = values.quantile(torch.tensor([1 / 3, 2 / 3], dtype=values.dtype))
    return Slices(name, torch.searchsorted(limits, values), THIRDS)


def _by_cells(examples: Split, column: str) -> Slices:
    """By the cells of a column; numbers in thirds."""
    assert examples.table is not None
    known = {one.name for one in examples.signature.input.columns}
    cells = (
        [row[column] for row in cells_of(examples)]
        if column in known
        else [cell or None for cell in examples.table.column(column)]
    )
    if cells and all(isinstance(cell, float) for cell in cells) and len(set(cells)) > MOST:
        return thirds(column, torch.tensor(cells, dtype=torch.float64))
    words = [shown(cell) for cell in cells]
    often = sorted(set(words), key=lambda word: (-words.count(word), word))
    names = often if len(often) <= MOST else [*often[: MOST - 1], "others"]
    place = {word: min(at, len(names) - 1) for at, word in enumerate(often)}
    return Slices(column, torch.tensor([place[word] for word in words]), tuple(names))
