"""The confusion matrix, and the three counts per class that precision, recall and F1 rest on."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from cartograd.core.errors import UsageError, unknown
from cartograd.practice.metrics import given

Average = Literal["auto", "macro", "micro", "weighted", "binary"]
"""Binary of two classes, else macro; mean over classes; one count over all; mean by how frequent a
class is; one of two classes only."""


def confusion(
    outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /
) -> Int[Tensor, "k k"]:
    """How many examples of each class (row) were taken for each class (column).

    >>> outputs = torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.5, 0.2]])
    >>> confusion(outputs, torch.tensor([0, 1, 1])).tolist()
    [[1, 0], [1, 1]]
    """
    logits, targets = given.classes(outputs, targets)
    k = logits.shape[1]
    return torch.bincount(targets * k + logits.argmax(1), minlength=k * k).reshape(k, k)


@dataclass(frozen=True)
class Counts:
    """Per weighting and class: examples taken for it rightly, taken for it, and of it.

    `several` says that an example may be of any number of classes.
    """

    right: Float[Tensor, "b k"]
    taken: Float[Tensor, "b k"]
    actual: Float[Tensor, "b k"]
    several: bool = False


def counts(outputs: Tensor, targets: Tensor, weights: Float[Tensor, "b n"], /) -> Counts:
    """The three counts under each weighting of the examples."""
    if given.several(outputs, targets):
        said, true = given.labels(outputs, targets)
        right, taken, actual = (weights @ one.double() for one in (said & true, said, true))
        return Counts(right, taken, actual, several=True)
    logits, targets = given.classes(outputs, targets)
    predicted = logits.argmax(1)
    empty = weights.new_zeros(len(weights), logits.shape[1])
    hit = predicted == targets
    return Counts(
        right=empty.index_add(1, targets[hit], weights[:, hit]),
        taken=empty.index_add(1, predicted, weights),
        actual=empty.index_add(1, targets, weights),
    )


def ratio(
    above: Float[Tensor, "b k"],
    below: Float[Tensor, "b k"],
    found: Counts,
    /,
    *,
    average: Average,
    positive: int,
) -> Float[Tensor, " b"]:
    """The ratio of two counts, averaged over classes or of one; 0 / 0 is 0.

    The mean goes over the classes that occur among the targets or the answers, and over all where
    an example may be of several, as in scikit-learn.

    Raises:
        UsageError: unknown average, or `binary` where there are not two classes.
    """
    average = settled(average, found)
    if average == "micro":
        return _divide(above.sum(1), below.sum(1))
    each = _divide(above, below)
    if average == "binary":
        if each.shape[1] != 2 or found.several:
            those = f"{each.shape[1]}, of which any may hold" if found.several else each.shape[1]
            raise UsageError(
                f"average='binary' needs two classes, there are {those}; "
                "take macro, micro or weighted"
            )
        if positive not in (0, 1):
            raise UsageError(f"positive={positive} is none of two classes; expected 0 or 1")
        return each[:, positive]
    if average == "weighted":
        return _divide((each * found.actual).sum(1), found.actual.sum(1))
    if average == "macro":
        occurs = (found.actual + found.taken) > (-1 if found.several else 0)
        return (each * occurs).sum(1) / occurs.sum(1)
    raise unknown("average", average, Average.__args__)


def settled(average: Average, found: Counts, /) -> Average:
    """The average that `auto` means for these classes: binary for the two of a choice."""
    if average != "auto":
        return average
    return "binary" if found.right.shape[1] == 2 and not found.several else "macro"


def _divide(above: Float[Tensor, "..."], below: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    return torch.where(below > 0, above / below.clamp(min=1e-300), 0.0)
