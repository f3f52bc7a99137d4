"""Balanced accuracy: the share of each class that is found, averaged over the classes.

Where one class is rare, always answering the other is nearly always right; here it scores 1 / k of
k classes.

    BA = mean over the classes k that occur of right_k / actual_k

Shapes: outputs (n, k), targets (n).

Departures: none from scikit-learn: classes of which there is no example are left out, also where
they were answered, which the macro-averaged recall counts as 0.

References:
    Kay Brodersen, Cheng Soon Ong, Klaas Stephan, Joachim Buhmann. The balanced accuracy and its
    posterior distribution. ICPR 2010. https://doi.org/10.1109/ICPR.2010.764

>>> import torch
>>> outputs = torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.5, 0.2], [0.1, 0.9]])
>>> round(balanced_accuracy(outputs, torch.tensor([0, 1, 1, 1])), 4)
0.8333
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.practice.metrics import given
from cartograd.practice.metrics.confusion import Counts, counts
from cartograd.practice.metrics.proportion import exact, of_classes

CARD = Card(
    name="balanced-accuracy",
    kind="metric",
    entry="balanced_accuracy",
    nodes=("metric/accuracy",),
    title="Balanced accuracy",
    zh="平衡准确率",
    better="higher",
    unit="%",
    paper="The balanced accuracy and its posterior distribution",
    year=2010,
    url="https://doi.org/10.1109/ICPR.2010.764",
    proofs=(
        "oracle: sklearn.metrics.balanced_accuracy_score, adjusted or not, weighted and not, with "
        "classes that do not occur, to 1e-10",
        "law: a constant answer scores 1 / k, and 0 adjusted for chance",
    ),
)

ANSWERS = True
"""Only which class is highest counts, not by how much."""


def balanced_accuracy(
    outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /, *, adjusted: bool = False
) -> float:
    """The mean over the classes of the share that is found.

    Args:
        outputs: logits of every example.
        targets: the right classes.
        adjusted: whether chance is 0 (and 1 stays 1) instead of 1 / k.

    Raises:
        UsageError: an example may be of several classes.
    """
    return weighed(outputs, targets, given.ones(outputs), adjusted=adjusted).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
    *,
    adjusted: bool = False,
) -> Float[Tensor, " b"]:
    """The balanced accuracy under each weighting of the examples."""
    return of_counts(counts(outputs, targets, weights), adjusted=adjusted)


def of_counts(found: Counts, /, *, adjusted: bool = False) -> Float[Tensor, " b"]:
    """From the three counts of each class to the metric.

    Raises:
        UsageError: an example may be of several classes.
    """
    if found.several:
        raise UsageError(
            "balanced accuracy is of one class for each example, and these have several; "
            "take recall:average=macro"
        )
    there = found.actual > 0
    shares = found.right / found.actual.where(there, 1.0)
    k = there.sum(1).double()
    mean = shares.where(there, 0.0).sum(1) / k
    return _above_chance(mean, k) if adjusted else mean


def limits(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    adjusted: bool = False,
    level: float = 0.95,
) -> tuple[float, float]:
    """The interval: the classes' shares are proportions, each of examples of its own."""
    found = counts(outputs, targets, given.ones(outputs))
    there = found.actual[0] > 0
    right, actual = found.right[0, there], found.actual[0, there]
    ends = [exact(int(hits), int(of), level=level) for hits, of in zip(right, actual, strict=True)]
    low, high = torch.tensor(ends, dtype=torch.float64).T
    both = torch.tensor(of_classes(right / actual, low, high), dtype=torch.float64)
    low, high = (_above_chance(both, there.sum().double()) if adjusted else both).tolist()
    return low, high


def _above_chance(mean: Float[Tensor, "..."], k: Shaped[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The mean where chance is 0; of a single class there is no chance to be above."""
    return (mean - 1 / k) / (1 - 1 / k)
