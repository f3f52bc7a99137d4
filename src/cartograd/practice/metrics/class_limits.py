"""Intervals of precision, recall and F1: of one class exact, of the mean over classes by theirs.

Of one class all three are proportions: of the examples of it (recall), of those taken for it
(precision), and F1 by way of those that are of it or taken for it, of which the share J that is
both gives F1 = 2 J / (1 + J). Each example among them is a trial of its own, so their intervals
are exact (`proportion`). The classes' recalls are independent of each other given how many
examples each has, and so are their precisions; their F1s are not, for what is missing in one class
is too much in another.

References:
    David Hand, Peter Christen, Nishadi Kirielle. F*: an interpretable transformation of the
    F-measure. Machine Learning 110, 2021. https://doi.org/10.1007/s10994-021-05964-1
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from cartograd.practice.metrics import given
from cartograd.practice.metrics.confusion import Average, confusion, counts, settled
from cartograd.practice.metrics.proportion import exact, of_classes

Ratio = Literal["precision", "recall", "f1"]


def limits(
    ratio: Ratio,
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    average: Average,
    positive: int,
    level: float,
) -> tuple[float, float] | None:
    """The interval of such a ratio; None of all labels at once, which depend on each other.

    Args:
        ratio: which of the three.
        outputs: logits of every example.
        targets: the right classes.
        average: how the classes' numbers become one.
        positive: which of two classes is meant by `binary`.
        level: how often the interval should hold the true value.
    """
    found = counts(outputs, targets, given.ones(outputs))
    average = settled(average, found)
    right, taken, actual = found.right[0], found.taken[0], found.actual[0]
    trials = {"precision": taken, "recall": actual, "f1": taken + actual - right}[ratio]
    if average == "micro" or (average, ratio) == ("weighted", "recall"):
        return None if found.several else exact(int(right.sum()), len(targets), level=level)
    if average == "binary":
        ends = exact(int(right[positive]), int(trials[positive]), level=level)
        return (_of(ratio, ends[0]), _of(ratio, ends[1]))
    there = ((taken + actual > 0) | torch.tensor(found.several)).nonzero()[:, 0]
    pairs = [(int(right[k]), int(trials[k])) for k in there]
    known = {pair: exact(*pair, level=level) for pair in set(pairs)}
    shares = [_of(ratio, hits / of if of else 0.0) for hits, of in pairs]
    ends = [tuple(_of(ratio, end) for end in known[pair]) for pair in pairs]
    low, high = torch.tensor(ends, dtype=torch.float64).T
    together = None
    if found.several:
        together = _of_labels(ratio, *given.labels(outputs, targets))[there][:, there]
    elif ratio == "f1":
        together = _correlations(confusion(outputs, targets)[there][:, there])
    shares = torch.tensor(shares, dtype=torch.float64)
    if average != "weighted":
        return of_classes(shares, low, high, together=together)
    counted = actual[there]
    drift = _drift(shares, counted, level)
    return of_classes(shares, low, high, counted=counted, together=together, drift=drift)


def _drift(shares: Float[Tensor, " k"], counted: Float[Tensor, " k"], level: float) -> float:
    """How far the mean may be off because the classes' own shares are those of a sample.

    Each example brings the share of its class, so it is Student's reach of a mean of these.
    """
    from scipy.special import stdtrit

    n, chances = float(counted.sum()), counted / counted.sum()
    spread = float(chances @ (shares - chances @ shares).square()) ** 0.5
    return float(stdtrit(max(1.0, n - 1), (1 + level) / 2)) * spread / n**0.5


def _of(ratio: Ratio, share: float) -> float:
    """The metric from the share of trials that are right."""
    return 2 * share / (1 + share) if ratio == "f1" else share


def _correlations(matrix: Int[Tensor, "k k"]) -> Float[Tensor, "k k"]:
    """Between the classes' F1s, by how much an example of each cell moves them; none below 0."""
    right, both = matrix.diagonal().double(), (matrix.sum(0) + matrix.sum(1)).double()
    f1 = 2 * right / both
    hit, miss = 2 * (1 - f1) / both, -f1 / both
    wrong = (matrix + matrix.T).double().fill_diagonal_(0)
    shared = wrong * miss[:, None] * miss
    own = right * hit.square() + wrong.sum(1) * miss.square()
    shared.diagonal().copy_(own)
    spread = own.sqrt()
    found = shared / (spread[:, None] * spread).clamp(min=1e-300)
    return found.clamp(min=0).where(~torch.eye(len(found), dtype=torch.bool), 1.0)


def _of_labels(
    ratio: Ratio, said: Bool[Tensor, "n k"], true: Bool[Tensor, "n k"]
) -> Float[Tensor, "k k"]:
    """Between labels of the same examples, by how much each example moves them; none below 0."""
    trials = {"precision": said, "recall": true, "f1": said | true}[ratio].double()
    right = (said & true).double()
    moves = right - trials * right.sum(0) / trials.sum(0).clamp(min=1)
    shared = moves.T @ moves
    spread = shared.diagonal().sqrt()
    found = (shared / (spread[:, None] * spread).clamp(min=1e-300)).clamp(min=0)
    return found.where(~torch.eye(len(found), dtype=torch.bool), 1.0)
