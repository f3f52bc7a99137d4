"""Average precision: the area under the curve of precision against recall.

For each threshold on the score, the share of what is taken for the class that is of it, against
the share of the class that is found. Unlike the ROC curve it depends on how rare the class is:
chance scores the class's share, so that a rare class that is lost in false alarms shows. With more
than two classes it is the mean over the classes, each against the rest.

    AP = sum_i (R_i - R_{i-1}) P_i   over the thresholds from the highest down

Shapes: outputs (n, k), targets (n).

Departures: examples are ranked by the log-odds of the class, in float64, as for `roc-auc`. The
area is the sum of steps, as in scikit-learn; straight lines between the points would promise
what no threshold reaches. Classes of which there are no examples are left out of the mean.

References:
    Jesse Davis, Mark Goadrich. The relationship between precision-recall and ROC curves. ICML
    2006. https://doi.org/10.1145/1143844.1143874
    Kendrick Boyd, Kevin Eng, David Page. Area under the precision-recall curve: point estimates
    and confidence intervals. ECML 2013. https://doi.org/10.1007/978-3-642-40994-3_29

>>> import torch
>>> outputs = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]])
>>> round(average_precision(outputs, torch.tensor([0, 0, 1, 1])), 4)
0.8333
"""

import math
from functools import partial

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.practice.metrics import given
from cartograd.practice.metrics.auc_limits import correlations, spread
from cartograd.practice.metrics.influence import of_examples
from cartograd.practice.metrics.proportion import of_classes
from cartograd.practice.metrics.roc_auc import log_odds
from cartograd.practice.metrics.steps import steps

CARD = Card(
    name="average-precision",
    kind="metric",
    entry="average_precision",
    nodes=("metric/roc-auc",),
    title="Average precision (area under the precision-recall curve)",
    zh="平均精度（PR 曲线下面积）",
    better="higher",
    unit="share",
    aliases=("pr-auc", "auprc", "ap"),
    paper="The relationship between precision-recall and ROC curves",
    year=2006,
    url="https://doi.org/10.1145/1143844.1143874",
    proofs=(
        "oracle: sklearn.metrics.average_precision_score, of two and of more classes, ties and "
        "weights included, to 1e-10",
        "law: scores without a difference earn the class's share, right ones 1",
    ),
)

OF_EACH = True
"""Whether the interval rests on the examples of each class, however many others there are."""

TRIED = True
"""Of two models what each example moves is tried by leaving it out: slopes miss the steps."""


def average_precision(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The area under precision against recall; of several classes the mean, each against the rest.

    Args:
        outputs: logits of every example.
        targets: the right classes.

    Raises:
        UsageError: all targets are of one class, so there is nothing to rank.
    """
    _, here = given.classes(outputs, targets)
    if len(here.unique()) < 2:
        raise UsageError(
            "average precision ranks examples of a class among the rest, but all targets are of "
            "one class; give examples of two classes at least"
        )
    return weighed(outputs, targets, given.ones(outputs)).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
) -> Float[Tensor, " b"]:
    """The average precision under each weighting of the examples."""
    logits, targets = given.classes(outputs, targets)
    scores = log_odds(logits)
    areas = [_area(scores[:, k], targets == k, weights) for k in _meant(logits, targets)]
    return torch.stack(areas, 1).nanmean(1)


def limits(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    level: float = 0.95,
) -> tuple[float, float]:
    """The interval, on the scale of the log-odds of each class's area (Boyd and others).

    From 0 to 1 where one class has all examples, and where a class is ranked without a fault, from
    what its number of examples leaves open.
    """
    logits, targets = given.classes(outputs, targets)
    scores = log_odds(logits)
    if len(targets.unique()) < 2:
        return 0.0, 1.0
    ones, areas, ends, moves = given.ones(outputs), [], [], []
    for k in _meant(logits, targets):
        of = partial(_area, scores[:, k], targets == k)
        areas.append(of(ones))
        moves.append(of_examples(of, len(targets)))
        ends.append(_ends(areas[-1].item(), moves[-1], targets == k, level))
    low, high = torch.tensor(ends, dtype=torch.float64).T
    together = correlations(torch.stack(moves))
    return of_classes(torch.cat(areas), low, high, together=together)


def _meant(logits: Float[Tensor, "n k"], targets: Shaped[Tensor, " n"]) -> list[int]:
    """The classes whose areas count: the positive one of two, else those that occur."""
    return [1] if logits.shape[1] == 2 else targets.unique().tolist()


def _ends(
    area: float, moves: Float[Tensor, " n"], positive: Bool[Tensor, " n"], level: float
) -> tuple[float, float]:
    from scipy.special import stdtrit

    error, freedom = spread(moves, positive)
    if not 0 < area < 1 or not error:
        # Each of m examples of the class would have to be found: the exact interval of m of m.
        return (1 - level) ** (1 / max(1, int(positive.sum()))) if area >= 1 else 0.0, 1.0
    reach = float(stdtrit(freedom, (1 + level) / 2)) * error / (area * (1 - area))
    odds = math.log(area / (1 - area))
    low, high = (0.5 + 0.5 * math.tanh(end / 2) for end in (odds - reach, odds + reach))
    return low, high


def _area(
    score: Float[Tensor, " n"], positive: Bool[Tensor, " n"], weights: Float[Tensor, "b n"]
) -> Float[Tensor, " b"]:
    """The mean over the class's weight of the precision at each example; tied ones share theirs."""
    found, taken = steps(score, positive, weights)
    gained = torch.diff(found, dim=1, prepend=found.new_zeros(len(found), 1))
    return (gained * found / taken.where(taken > 0, 1.0)).sum(1) / found[:, -1]
