"""Of which of its classes the data has training examples: labels may name more than there are."""

from cartograd.core.ports import Port
from cartograd.data.dataset.dataset import Dataset

SHOWN = 8
"""Classes that a line names."""


def labels_of(port: Port, /) -> tuple[str, ...]:
    """Names of the classes, or their numbers; a single logit is one of no and yes."""
    return port.labels or tuple(map(str, range(max(2, port.size))))


def has_classes(data: Dataset, /) -> bool:
    """Whether each example is of one class."""
    return data.signature.target == "class" and len(data.signature.output.dims) == 1


def without_examples(data: Dataset, /) -> tuple[str, ...]:
    """The classes of which there is no training example.

    Args:
        data: of one class for each example.
    """
    labels = labels_of(data.signature.output)
    counts = data.train.targets.flatten().bincount(minlength=len(labels)).tolist()
    return tuple(label for label, count in zip(labels, counts, strict=True) if not count)


def only_class(data: Dataset, /) -> str | None:
    """The class of all training examples; None where there are several, or no classes at all."""
    if not has_classes(data):
        return None
    labels, unseen = labels_of(data.signature.output), without_examples(data)
    seen = [label for label in labels if label not in unseen]
    return seen[0] if len(seen) == 1 else None


def told_of_unseen(unseen: tuple[str, ...], /) -> str:
    """A line on classes without examples; empty where there are none.

    >>> told_of_unseen(("8", "9"))
    "no training example of '8', '9': nothing is learned of them"
    """
    names = ", ".join(map(repr, unseen[:SHOWN])) + (", ..." if len(unseen) > SHOWN else "")
    them = "it" if len(unseen) == 1 else "them"
    return f"no training example of {names}: nothing is learned of {them}" if unseen else ""
