"""Weights of classes: how much the examples of each count, where some are rare.

Balanced weights give each class the same share of the loss: of n examples and k classes, one with
n_c examples gets n / (k n_c), so that the mean weight of an example is 1. The model's probabilities
are then those of a world in which all classes are equally frequent.

References:
    Gary King, Langche Zeng. Logistic regression in rare events data. Political Analysis 9, 2001.
    https://doi.org/10.1093/oxfordjournals.pan.a004868
"""

import json
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from cartograd.core.errors import UsageError, unknown

BALANCED = "balanced"


def class_weights(
    given: str | Mapping[str, float], labels: Sequence[str], targets: Int[Tensor, " n"], /
) -> tuple[float, ...]:
    """The weight of each class.

    Args:
        given: `balanced`; or weights by the names of classes, as a mapping or like `yes:10,no:1`;
            a class that is not named has weight 1.
        labels: the names, in order.
        targets: of the training examples.

    Raises:
        UsageError: a class is unknown or named twice, a weight is no number above 0, or a class
            has no example to balance by.

    >>> class_weights("balanced", ("no", "yes"), torch.tensor([0, 0, 0, 1]))
    (0.6666666666666666, 2.0)
    """
    if given == BALANCED:
        counts = torch.bincount(targets, minlength=len(labels)).tolist()
        if 0 in counts:
            raise UsageError(
                f"class_weights={BALANCED}: there is no training example of "
                f"{labels[counts.index(0)]!r}; name the weights: class_weights=NAME:NUMBER,..."
            )
        return tuple(len(targets) / (len(counts) * count) for count in counts)
    return _named(given, labels)


def pos_weights(
    given: str | Mapping[str, float], labels: Sequence[str], targets: Shaped[Tensor, "n k"], /
) -> tuple[float, ...]:
    """The `pos_weight` of each of several labels of an example.

    Args:
        given: `balanced`, under which having a label weighs as much as not having it over all
            examples; or weights by the names of labels, as of classes.
        labels: the names, in order.
        targets: whether each training example has each label, 0 or 1.

    Raises:
        UsageError: as of `class_weights`; or all examples have a label.

    >>> pos_weights("balanced", ("a", "b"), torch.tensor([[0, 1], [0, 1], [0, 0], [1, 0]]))
    (3.0, 1.0)
    """
    if given != BALANCED:
        return _named(given, labels)
    have = targets.double().sum(0)
    lack = len(targets) - have
    for what, counts in (("with", have), ("without", lack)):
        if (counts == 0).any():
            label = labels[int((counts == 0).nonzero()[0])]
            raise UsageError(
                f"class_weights={BALANCED}: there is no training example {what} {label!r}; name "
                "the weights: class_weights=NAME:NUMBER,..."
            )
    return tuple((lack / have).tolist())


def _named(given: str | Mapping[str, float], labels: Sequence[str]) -> tuple[float, ...]:
    """The weights that were named; 1 for the others."""
    named = _parsed(given) if isinstance(given, str) else dict(given)
    for name, weight in named.items():
        if name not in labels:
            raise unknown("class of class_weights", name, labels)
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not weight > 0:
            raise UsageError(f"class_weights: {name!r} has {weight!r}; expected a number above 0")
    return tuple(float(named.get(label, 1.0)) for label in labels)


def _parsed(text: str) -> dict[str, float]:
    """Weights by name, written `yes:10,no:1` or as JSON."""
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"class_weights={text!r} is no JSON: {error}") from error
    named: dict[str, float] = {}
    for part in text.split(","):
        name, colon, number = (word.strip() for word in part.rpartition(":"))
        try:
            weight = float(number)
        except ValueError:
            colon = ""
            weight = 0.0
        if not colon or name in named:
            raise UsageError(
                f"class_weights={text!r}: {part.strip()!r} is not NAME:NUMBER"
                + (", or is there twice" if colon else "")
                + "; expected balanced, or weights like yes:10,no:1"
            )
        named[name] = weight
    return named
