"""Membership inference: whether an example was among those that a model learned from.

A model is surer of what it has seen. So its log-odds for the right answer, high for an example that
was in the training, tell the two apart; how well is a curve, of which the low end counts: who is
found with hardly a false alarm. The same curve bounds from below what a private training told: were
its eps smaller, nobody could find so many members with so few false alarms.

    score = log p_y / (1 - p_y),    hits <= exp(eps) alarms + delta
    eps >= log((hits_low - delta) / alarms_high),  and the same of the examples that were not there

Shapes: scores `n` of members and `m` of others; x `b ...`, y `b`.

Departures: the threshold is found on one half of the scores and judged on the other, whose two
shares are bounded by Clopper and Pearson's limits, of a quarter of the doubt each, as there are two
directions; so the bound holds with the level that is told.

References:
    Samuel Yeom, Irene Giacomelli, Matt Fredrikson, Somesh Jha. Privacy risk in machine learning:
    analyzing the connection to overfitting. CSF 2018. https://arxiv.org/abs/1709.01604
    Nicholas Carlini and others. Membership inference attacks from first principles. IEEE S&P 2022.
    https://arxiv.org/abs/2112.03570
    Matthew Jagielski, Jonathan Ullman, Alina Oprea. Auditing differentially private machine
    learning: how private is private SGD? NeurIPS 2020. https://arxiv.org/abs/2006.07709

>>> import torch
>>> members, others = torch.linspace(0.3, 1, 400), torch.linspace(0, 0.9, 400)
>>> found = membership(members, others)
>>> round(found.auc, 3), found.hits[0.01] > 0.1, found.epsilon > 0.5
(0.714, True, True)
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import inferring
from cartograd.frontier.inputs import rows_at_once
from cartograd.practice.metrics.proportion import exact
from cartograd.practice.metrics.roc_auc import limits as auc_limits
from cartograd.practice.metrics.roc_auc import log_odds, roc_auc

ALARMS = (0.001, 0.01, 0.1)
"""Rates of false alarms at which hits are told."""


@dataclass(frozen=True)
class Leak:
    """How well members are told from others.

    Attributes:
        auc, low, high: area under the ROC curve, and its 95 % interval.
        hits: share of members that are found, by the rate of false alarms among the others.
        epsilon: a bound from below on the eps of the training, which holds with chance `level`.
        members, others: how many there were.
    """

    auc: float
    low: float
    high: float
    hits: dict[float, float]
    epsilon: float
    members: int
    others: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "auc": self.auc, "interval": [self.low, self.high],
            "hits": {f"{rate:g}": share for rate, share in self.hits.items()},
            "epsilon at least": self.epsilon, "members": self.members, "others": self.others,
        }  # fmt: skip


def scores(
    model: nn.Module, x: Shaped[Tensor, "b ..."], y: Int[Tensor, " b"], /
) -> Float[Tensor, " b"]:
    """How sure a classifier is of the right answers, as log-odds."""
    found = []
    with inferring(model):
        for rows in torch.arange(len(x)).split(rows_at_once(x)):
            odds = log_odds(both(model(x[rows])).double())
            found.append(odds.gather(1, y[rows, None].to(odds.device))[:, 0])
    return torch.cat(found).clone()


def both(outputs: Float[Tensor, "b k"], /) -> Float[Tensor, "b k2"]:
    """Logits of classes; of a single logit z, which answers yes above 0, those are 0 and z."""
    if outputs.shape[1] > 1:
        return outputs
    return torch.cat([torch.zeros_like(outputs), outputs], 1)


def membership(
    members: Float[Tensor, " n"],
    others: Float[Tensor, " m"],
    /,
    *,
    delta: float = 0.0,
    level: float = 0.95,
) -> Leak:
    """What scores tell of membership.

    Args:
        members: scores of examples that were in the training, higher for surer.
        others: scores of such that were not.
        delta: of the private training that is audited.
        level: chance with which the bound on eps holds.

    Raises:
        UsageError: fewer than two of either, or scores that are not finite.
    """
    if min(len(members), len(others)) < 2 or not all(s.isfinite().all() for s in (members, others)):
        raise UsageError(
            f"membership: {len(members)} and {len(others)} scores; expected two of each at least, "
            "all finite"
        )
    together = torch.cat([members, others]).double()
    logits = torch.stack([torch.zeros_like(together), together], 1)
    there = (torch.arange(len(together)) < len(members)).long()
    low, high = auc_limits(logits, there)
    ranked = others.sort(descending=True).values
    hits = {
        rate: (members > ranked[int(rate * len(others))]).double().mean().item() for rate in ALARMS
    }
    told = [_told(a, b, delta, 1 - level) for a, b in ((members, others), (-others, -members))]
    counts = len(members), len(others)
    return Leak(roc_auc(logits, there), low, high, hits, max(told), *counts)


def _told(members: Tensor, others: Tensor, delta: float, doubt: float) -> float:
    """A bound on eps by the shares of both above a threshold that other scores have chosen."""
    a, b = members[::2].sort().values, others[::2].sort().values
    places = torch.cat([a, b])
    hits = 1 - torch.searchsorted(a, places, right=True).double() / len(a)
    alarms = 1 - torch.searchsorted(b, places, right=True).double() / len(b)
    sure = (hits - 2 * (hits * (1 - hits) / len(a)).sqrt()).clamp(min=0)
    rare = alarms + 2 * (alarms * (1 - alarms) / len(b)).sqrt() + 3 / len(b)
    threshold = places[(sure / rare).argmax()]
    found, wrong = (int((one[1::2] > threshold).sum()) for one in (members, others))
    level = 1 - doubt / 2  # of both sides; of the four that are used here, two in each direction
    share = exact(found, len(members[1::2]), level=level)[0] - delta
    alarm = exact(wrong, len(others[1::2]), level=level)[1]
    return max(0.0, math.log(share / alarm)) if share > 0 else 0.0
