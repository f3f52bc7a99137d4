"""Groups of examples that a model may treat unlike: by a column, or by what can be seen of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.apps.report.cells import cells_of, shown
from cartograd.core.errors import UsageError, unknown
from cartograd.data.dataset.dataset import Examples, Split

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
    found, kind = [], examples.signature.input.kind
    if kind == "image":
        flat = examples.inputs.flatten(1).double()
        middle = (flat.amin() + flat.amax()) / 2
        found += [_by_brightness(examples),
                  thirds("size", (flat > middle).double().mean(1))]  # fmt: skip
    elif kind == "text":
        found.append(_by_length(examples))
    return [*found, Slices("class", examples.targets.long(), tuple(labels))]


def named_slices(
    examples: Examples, names: Sequence[str], labels: Sequence[str], /, *, root: Path | None = None
) -> list[Slices]:
    """The ways to part examples that were asked for by name.

    Args:
        examples: all of them.
        names: `class`, `brightness` (of pictures), `length` (of texts), `image-size` (of files of
            pictures, before they were brought to one size), or a column of a table.
        labels: names of the classes.
        root: the folder that the examples' files are in.

    Raises:
        UsageError: there is no such way to part these examples.
    """
    split = examples if isinstance(examples, Split) else examples.select(range(len(examples)))
    kind, known = split.signature.input.kind, dict[str, Slices]()
    ways = {"class": lambda: Slices("class", split.targets.long(), tuple(labels))} if labels else {}
    if kind == "image":
        ways["brightness"] = lambda: _by_brightness(split)
    if (
        kind == "image"
        and root is not None
        and all((root / name).is_file() for name in split.names)
    ):
        ways["image-size"] = lambda: _by_size(split, root)
    if kind == "text":
        ways["length"] = lambda: _by_length(split)
    columns = () if split.table is None else split.table.header
    for name in names:
        if name not in ways and name not in columns:
            if not (ways or columns):
                raise UsageError(f"slices={name}: nothing parts these examples; leave it out")
            raise unknown("slice", name, [*ways, *columns])
        known[name] = ways[name]() if name in ways else _by_cells(split, name)
    return list(known.values())


def _by_brightness(examples: Split) -> Slices:
    return thirds("brightness", examples.inputs.flatten(1).double().mean(1))


def _by_length(examples: Split) -> Slices:
    x, padding = examples.inputs, examples.signature.input.padding_id
    there = x != padding if padding is not None else torch.ones_like(x, dtype=torch.bool)
    return thirds("length", there.double().sum(1))


def _by_size(examples: Split, root: Path) -> Slices:
    """By the number of pixels that each file has."""
    from PIL import Image

    pixels = []
    for name in examples.names:
        with Image.open(root / name) as picture:  # reads its head alone
            pixels.append(picture.width * picture.height)
    return thirds("image-size", torch.tensor(pixels, dtype=torch.float64))


def thirds(name: str, values: Float[Tensor, " n"], /) -> Slices:
    """The examples by the size of a number: low, middle, high, each with where it ends.

    >>> found = thirds("length", torch.tensor([9.0, 1.0, 4.0, 5.0], dtype=torch.float64))
    >>> found.group.tolist(), found.names
    ([2, 0, 0, 1], ('low (to 4)', 'middle (to 5)', 'high (over 5)'))
    """
    limits = values.quantile(torch.tensor([1 / 3, 2 / 3], dtype=values.dtype))
    low, high = (f"{one:.4g}" for one in limits.tolist())
    ends = f"to {low}", f"to {high}", f"over {high}"
    names = tuple(f"{which} ({end})" for which, end in zip(THIRDS, ends, strict=True))
    return Slices(name, torch.searchsorted(limits, values), names)


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
