"""Which examples are poisoned, and by what class: what the poisons share."""

import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.plan import generator
from cartograd.data.dataset.seen_classes import labels_of


def number_of(name: str | int, output: Port, /) -> int:
    """The number of a class, by its name or number.

    Raises:
        UsageError: there is no such class.
    """
    labels = labels_of(output)
    if str(name) in labels:
        return labels.index(str(name))
    if str(name).isdecimal() and int(name) < len(labels):
        return int(name)
    raise unknown("class", str(name), labels)


def check_classes(poison: str, signature: Signature, /) -> None:
    """Refuse data whose examples are not of one class each.

    Raises:
        UsageError: they are not.
    """
    if signature.target != "class" or len(signature.output.dims) != 1:
        raise UsageError(
            f"{poison} poisons examples of one class each, and the output "
            f"{signature.output.name!r} has the task {signature.output.task!r}"
        )


def check_pictures(poison: str, signature: Signature, /) -> tuple[float, float]:
    """The range of pixels; refuse all but pictures of classes.

    Raises:
        UsageError: the inputs are no pictures, or have no bounds.
    """
    check_classes(poison, signature)
    port = signature.input
    if port.kind != "image" or port.bounds is None:
        raise UsageError(
            f"{poison} puts a pattern on pictures, and the inputs are of kind {port.kind!r}; "
            "label-flip poisons examples of any kind"
        )
    return port.bounds


def some(rows: Int[Tensor, " n"], count: int, what: str, seed: int, /) -> Int[Tensor, " m"]:
    """So many of the rows, drawn by the seed, in ascending order.

    Args:
        rows: to choose from.
        count: how many.
        what: what they are, for the error.
        seed: of the draw.

    Raises:
        UsageError: there are fewer, or none is asked for.
    """
    if not 1 <= count <= len(rows):
        raise UsageError(
            f"share= makes {count} poisoned examples of the {len(rows)} {what}; expected 1 to "
            f"{len(rows)}"
        )
    order = torch.randperm(len(rows), generator=generator(seed, "poison"))
    return rows[order[:count]].sort().values
