"""From which probability on a class is named: by what is to be reached, on validation examples.

    f1                  the harmonic mean of precision and recall is largest
    balanced-accuracy   so is the mean of the recall of both answers
    cost:fp=1,fn=10     the sum of what false alarms and misses cost is smallest
    recall:at=0.9       this share of the class is found, with as few alarms as possible

Only the order of the scores counts. All ways to cut them into two are compared, by running sums
from the highest down; between two scores the middle is taken, of cuts that are equally good the one
nearest to a half.

References:
    Charles Elkan. The foundations of cost-sensitive learning. IJCAI 2001.
    Zachary Lipton, Charles Elkan, Balakrishnan Naryanaswamy. Optimal thresholding of classifiers to
    maximize F1 measure. 2014. https://arxiv.org/abs/1402.1892

>>> scores = torch.tensor([-2.0, -1.0, 0.5, 1.0])
>>> round(threshold("recall:at=1", scores, torch.tensor([0, 1, 0, 1])), 3)  # between -2 and -1
0.182
"""

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.practice.decisions.rules import rule

LARGEST = 27.0
"""A logit beyond which thresholds are not told apart."""


def threshold(
    how: str | Spec, scores: Float[Tensor, " n"], holds: Shaped[Tensor, " n"], /
) -> float:
    """The probability from which on a class is named.

    Args:
        how: a rule.
        scores: logits of the class; whether it holds is likelier the higher they are.
        holds: whether it does.

    Raises:
        UsageError: the rule is none, or there is no example of one of the two answers.
    """
    spec, there = rule(how), holds.bool()
    hits, rest = int(there.sum()), int((~there).sum())
    if not hits or not rest:
        raise UsageError(
            f"threshold={how} is chosen on validation examples, and there is none "
            f"{'of' if not hits else 'without'} the class; give more of them, or leave it out"
        )
    order = scores.double().argsort(descending=True, stable=True)
    sorted_, right = scores.double()[order], there[order]
    zero = torch.zeros(1, dtype=torch.int64)
    tp, fp = (torch.cat([zero, one.cumsum(0)]) for one in (right, ~right))
    ends = torch.cat([sorted_[:1] + 1, (sorted_[1:] + sorted_[:-1]) / 2, sorted_[-1:] - 1])
    cuts = torch.ones(len(ends), dtype=torch.bool)
    cuts[1:-1] = sorted_[1:] < sorted_[:-1]
    worth = _worth(spec, tp.double(), fp.double(), hits, rest).masked_fill(~cuts, -math.inf)
    best = worth >= worth.max() - 1e-12
    nearest = ends.abs().masked_fill(~best, math.inf).argmin()
    return float(ends[nearest].clamp(-LARGEST, LARGEST).sigmoid())


def _worth(spec: Spec, tp: Tensor, fp: Tensor, hits: int, rest: int) -> Tensor:
    """What each cut reaches; the larger the better."""
    if spec.name == "f1":
        return 2 * tp / (tp + fp + hits)
    if spec.name == "balanced-accuracy":
        return (tp / hits + 1 - fp / rest) / 2
    if spec.name == "cost":
        return -(spec.args["fp"] * fp + spec.args["fn"] * (hits - tp)) / (hits + rest)
    reached = tp >= math.ceil(spec.args["at"] * hits - 1e-9)
    return (-(tp + fp)).masked_fill(~reached, -math.inf)
