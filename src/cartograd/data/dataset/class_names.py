"""Targets that are names become numbers of classes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cartograd.core.errors import UsageError, unknown
from cartograd.data.dataset.targets import natural


def numbered(
    parts: Mapping[str, Any], labels: Sequence[str], /
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The targets of each part as tensors, and the names of the classes.

    >>> numbered({"train": ["no", "yes", "no"]}, ())
    ({'train': tensor([0, 1, 0])}, ('no', 'yes'))

    Args:
        parts: a tensor, an array or a sequence of numbers; or of names.
        labels: the names in their order; empty for those that there are, sorted.

    Raises:
        UsageError: a part mixes names with something else, or is neither; a name is no label.
    """
    if not any(map(_named, parts.values())):
        return {part: tensor(y, f"{part}: the targets") for part, y in parts.items()}, tuple(labels)
    rows = {part: _names(part, y) for part, y in parts.items()}
    known = tuple(labels) or tuple(sorted({x for y in rows.values() for x in y}, key=natural))
    place = {label: number for number, label in enumerate(known)}
    for part, names in rows.items():
        for row, name in enumerate(names, start=1):
            if name not in place:
                raise unknown(f"label in {part} row {row}:", name, known)
    return {part: torch.tensor([place[x] for x in names]) for part, names in rows.items()}, known


def tensor(values: Any, what: str, /) -> Tensor:
    """A tensor of numbers.

    Raises:
        UsageError: they are none, or rows of several lengths.
    """
    try:
        return torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        told = str(error).split(". The only supported", maxsplit=1)[0]
        raise UsageError(
            f"{what} are no tensor ({told}); expected numbers, with rows of one length"
        ) from error


def _named(values: Any) -> bool:
    """Whether the first of some values is a name."""
    if isinstance(values, np.ndarray):
        return values.dtype.kind in "US" or (values.dtype == object and _named(list(values[:1])))
    return isinstance(values, list | tuple) and len(values) > 0 and isinstance(values[0], str)


def _names(part: str, values: Any) -> list[str]:
    found = values.tolist() if isinstance(values, Tensor | np.ndarray) else list(values)
    for row, value in enumerate(found, start=1):
        if not isinstance(value, str):
            raise UsageError(
                f"{part} row {row}: the target {value!r} is no name of a class, as others are; "
                "give names or numbers alone"
            )
    return found
