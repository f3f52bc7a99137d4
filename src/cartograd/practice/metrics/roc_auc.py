"""ROC AUC: how likely a random example of a class is ranked above a random one of the rest.

The ROC curve shows, for each threshold on the score, the share of the class that is found
against the share of the rest that is taken for it by mistake; the area under it needs no
threshold and does not change with how frequent the class is. With more than two classes it is
the mean over the classes, each against the rest.

    AUC = P(s+ > s-) + P(s+ = s-) / 2

Shapes: outputs (n, k), targets (n).

Departures: examples are ranked by the log-odds of the class, in float64. That is the order of
the probabilities, without the ties that come from probabilities rounded to 0 or 1. Classes of
which there are no examples, or nothing but examples, are left out of the mean.

References:
    Tom Fawcett. An introduction to ROC analysis. Pattern Recognition Letters 27, 2006.
    https://doi.org/10.1016/j.patrec.2005.10.010

>>> outputs = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]])
>>> roc_auc(outputs, torch.tensor([0, 0, 1, 1]))
0.75
"""

from functools import partial
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.practice.metrics import auc_limits, given
from cartograd.practice.metrics.influence import of_examples
from cartograd.practice.metrics.proportion import of_classes
from cartograd.practice.metrics.steps import steps

CARD = Card(
    name="roc-auc",
    kind="metric",
    entry="roc_auc",
    nodes=("metric/roc-auc",),
    title="ROC AUC",
    zh="ROC 曲线下面积",
    better="higher",
    unit="share",
    short="area under the ROC curve",
    aliases=("auc", "auroc"),
    paper="An introduction to ROC analysis",
    year=2006,
    url="https://doi.org/10.1016/j.patrec.2005.10.010",
    proofs=(
        "oracle: sklearn.metrics.roc_auc_score and roc_curve, ties and weights included, to 1e-10",
        "law: the share of pairs in the right order, counted one by one; any increasing change "
        "of the scores leaves it as it is",
    ),
    evidence={
        "metric/roc-auc": (
            "test_two_classes",
            "test_curve",
            "test_the_drawn_curve_has_the_area_of_the_metric",
        ),
    },
)


class Curve(NamedTuple):
    """The ROC curve: a point per threshold, from (0, 0) to (1, 1)."""

    false: Tensor
    """Share of the rest taken for the class."""
    found: Tensor
    """Share of the class that is found."""
    threshold: Tensor
    """Log-odds from which on an example is taken for the class; infinite for the first point."""


OF_EACH = True
"""Whether the interval rests on the examples of each class, however many others there are."""


def roc_auc(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    average: Literal["macro", "weighted"] = "macro",
) -> float:
    """The area under the ROC curve; of several classes the (weighted) mean, each against the rest.

    Args:
        outputs: logits of every example.
        targets: the right classes.
        average: whether each class counts alike (macro) or by its examples (weighted).

    Raises:
        UsageError: all targets are of one class, so there is nothing to rank.
    """
    area = weighed(outputs, targets, given.ones(outputs), average=average).item()
    if area != area:
        raise UsageError(
            "ROC AUC compares examples of a class with the rest, but all targets are of one "
            "class; give examples of two classes at least"
        )
    return area


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
    *,
    average: Literal["macro", "weighted"] = "macro",
) -> Float[Tensor, " b"]:
    """The area under each weighting of the examples; NaN where one class has all the weight."""
    logits, targets = given.classes(outputs, targets)
    scores = log_odds(logits)
    if scores.shape[1] == 2:
        return _area(scores[:, 1], targets == 1, weights)
    areas, shares = [], []
    for k in targets.unique():
        areas.append(_area(scores[:, k], targets == k, weights))
        shares.append(weights[:, targets == k].sum(1))
    area, share = torch.stack(areas, 1), torch.stack(shares, 1)
    if average == "macro":
        return area.nanmean(1)
    if average == "weighted":
        share = share * area.isfinite()
        return (area.nan_to_num() * share).sum(1) / share.sum(1)
    raise unknown("average", average, ("macro", "weighted"))


def limits(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    average: Literal["macro", "weighted"] = "macro",
    level: float = 0.95,
) -> tuple[float, float]:
    """The interval (`auc_limits`); from 0 to 1 where one class has all examples."""
    logits, targets = given.classes(outputs, targets)
    scores, here = log_odds(logits), targets.unique()
    if len(here) < 2:
        return 0.0, 1.0
    chosen = torch.tensor([1]) if scores.shape[1] == 2 else here
    ones, areas, ends, moves = given.ones(outputs), [], [], []
    for k in chosen:
        of = partial(_area, scores[:, k], targets == k)
        areas.append(of(ones))
        moves.append(of_examples(of, len(targets)))
        ends.append(auc_limits.limits(areas[-1].item(), moves[-1], targets == k, level=level))
    low, high = torch.tensor(ends, dtype=torch.float64).T
    together = auc_limits.correlations(torch.stack(moves))
    sizes = targets.bincount(minlength=scores.shape[1])[chosen].double()
    counted = sizes if average == "weighted" else None
    return of_classes(torch.cat(areas), low, high, counted=counted, together=together)


def roc_curve(
    outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /, *, positive: int = 1
) -> Curve:
    """The ROC curve of the class `positive` against the rest, a point per distinct score.

    Raises:
        UsageError: there are no examples of the class, or no others.
    """
    logits, targets = given.classes(outputs, targets)
    if positive >= logits.shape[1] or len((targets == positive).unique()) < 2:
        raise UsageError(
            f"the ROC curve of class {positive} needs examples of that class and of others"
        )
    score, order = log_odds(logits)[:, positive].sort(descending=True)
    hit = (targets == positive)[order].double()
    last = torch.cat([score[1:] != score[:-1], torch.ones(1, dtype=torch.bool)])
    start = torch.zeros(1, dtype=torch.float64)
    found, false = (torch.cat([start, one.cumsum(0)[last] / one.sum()]) for one in (hit, 1.0 - hit))
    return Curve(false, found, torch.cat([start + torch.inf, score[last]]))


def log_odds(logits: Float[Tensor, "n k"], /) -> Float[Tensor, "n k"]:
    """log(p / (1 - p)) of each class in float64, exact also where p rounds to 0 or 1."""
    logits = logits.double() - logits.double().amax(1, keepdim=True)
    # Sums in rising order do not depend on the order of the classes: what is tied stays tied.
    rising, _ = logits.sort(1)
    log_p = logits - rising.logsumexp(1, keepdim=True)
    rest = rising[:, :-1].logsumexp(1, keepdim=True)  # without one class that is the highest
    return torch.where(logits == 0, -rest, log_p - torch.log1p(-log_p.exp().clamp(max=0.75)))


def _area(
    score: Float[Tensor, " n"], positive: Bool[Tensor, " n"], weights: Float[Tensor, "b n"]
) -> Float[Tensor, " b"]:
    """The weight of the rest below each example of the class; a tie counts half."""
    found, taken = steps(score, positive, weights)
    rest = taken - found
    lost = torch.diff(rest, dim=1, prepend=rest.new_zeros(len(rest), 1))
    gained = torch.diff(found, dim=1, prepend=found.new_zeros(len(found), 1))
    return (lost * (found - gained / 2)).sum(1) / (found[:, -1] * rest[:, -1])
