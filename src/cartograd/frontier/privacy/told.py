"""How well members of a training are told from others: figures, their control and a verdict."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.frontier.privacy.audit import audited
from cartograd.frontier.privacy.membership import Leak, membership
from cartograd.practice.metrics.proportion import exact
from cartograd.practice.metrics.roc_auc import roc_curve

LEAST = 10
"""Of fewer examples nothing can be told."""


@dataclass(frozen=True)
class Told:
    """How well members are told from others by scores.

    Attributes:
        leak: figures.
        control: the same figures of the same scores, with membership shuffled.
        alarms, found: the ROC curve: shares of the others and of the members above each threshold.
        epsilon: bound from below on the eps of the training, at 95 %.
        declared, delta: what the training is said to keep.
        more: further lines on how it was done.
    """

    leak: Leak
    control: Leak
    alarms: Float[Tensor, " t"]
    found: Float[Tensor, " t"]
    epsilon: float
    declared: float | None
    delta: float
    more: tuple[tuple[str, str], ...] = ()

    columns = ("figure", "found", "95 % interval", "membership shuffled")

    @property
    def value(self) -> float:
        """The area under the ROC curve."""
        return self.leak.auc

    @property
    def interval(self) -> tuple[float, float]:
        """Of the area, 95 %."""
        return self.leak.low, self.leak.high

    @property
    def by_chance(self) -> float:
        """The area under the ROC curve of shuffled membership."""
        return self.control.auc

    @property
    def leaks(self) -> bool:
        """Whether more is told than by chance: by the area, or by a few that are told for sure."""
        return self.leak.low > 0.5 or self.epsilon > 0

    @property
    def refuted(self) -> bool:
        """Whether the training cannot have kept the eps that was declared."""
        return self.declared is not None and self.epsilon > self.declared

    @property
    def verdict(self) -> str:
        """In a sentence."""
        at = f"eps >= {self.epsilon:.2f} by these guesses (95 %)"
        if self.refuted:
            return f"REFUTED: {at}, and eps = {self.declared:g} was declared"
        declared = f", {self.declared:g} was declared" if self.declared is not None else ""
        if self.leaks:
            return f"members are told from others; {at}{declared}"
        return f"no member was told from others, which is no proof that none can be; {at}{declared}"

    @property
    def notes(self) -> list[tuple[str, str]]:
        """Lines beside the table."""
        few = self.leak.others
        least = [("0.1 % alarms", f"with {few} others none at all")] if few < 1000 else []
        counts = ("compared", f"{self.leak.members} members with {few} others")
        return [counts, *least, *self.more, ("verdict", self.verdict)]

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each figure."""
        low, high = self.interval
        rows = [("area under ROC", f"{self.value:.3f}", f"{low:.3f} to {high:.3f}",
                 f"{self.control.auc:.3f}")]  # fmt: skip
        for rate, share in sorted(self.leak.hits.items(), reverse=True):
            low, high = exact(round(share * self.leak.members), self.leak.members)
            rows.append((
                f"found at {100 * rate:g} % alarms", f"{100 * share:.1f} %",
                f"{100 * low:.1f} to {100 * high:.1f} %", f"{100 * self.control.hits[rate]:.1f} %",
            ))  # fmt: skip
        return [*rows, ("eps at least", f"{self.epsilon:.2f}", "", "")]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        members = self.leak.members
        return {
            "auc": self.leak.auc,
            "interval": list(self.interval),
            "hits": {
                f"{rate:g}": {
                    "share": share,
                    "interval": list(exact(round(share * members), members)),
                }
                for rate, share in self.leak.hits.items()
            },
            "control": {
                "auc": self.control.auc,
                "hits": {f"{rate:g}": share for rate, share in self.control.hits.items()},
            },
            "epsilon_at_least": self.epsilon,
            "declared": self.declared,
            "members": members,
            "others": self.leak.others,
            "leaks": self.leaks,
            "verdict": self.verdict,
        }


def judged(
    members: Float[Tensor, " n"],
    others: Float[Tensor, " m"],
    /,
    *,
    epsilon: float | None,
    delta: float,
    seed: int,
    more: tuple[tuple[str, str], ...] = (),
) -> Told:
    """What scores tell, beside what they tell where membership is shuffled.

    Args:
        members: scores of examples that were in the training, higher for surer.
        others: scores of such that were not.
        epsilon: what the training is said to keep.
        delta: the chance with which more may be told.
        seed: of the shuffle.
        more: lines on how the scores came about.
    """
    together = torch.cat([members, others]).double()
    order = torch.randperm(len(together), generator=torch.Generator().manual_seed(seed))
    shuffled = together[order]
    count = len(members)
    there = (torch.arange(len(together)) < count).long()
    curve = roc_curve(torch.stack([torch.zeros_like(together), together], 1), there)
    return Told(
        membership(members, others, delta=delta),
        membership(shuffled[:count], shuffled[count:], delta=delta),
        curve.false,
        curve.found,
        audited(members, others, delta=delta, seed=seed),
        epsilon,
        delta,
        more,
    )


def check_real(x: Shaped[Tensor, "n ..."], what: str, /) -> None:
    """Refuse tokens, which no gradient makes anew.

    Raises:
        UsageError: they are.
    """
    if not x.is_floating_point():
        raise UsageError(
            f"{what} makes inputs by their gradient, and tokens have none; of models of texts "
            "loss-threshold, lira and extraction tell what they give away"
        )


def classified(
    given: tuple[Shaped[Tensor, "n ..."], Shaped[Tensor, "n ..."]], what: str, /
) -> tuple[Shaped[Tensor, "n ..."], Int[Tensor, " n"]]:
    """Examples and their classes.

    Raises:
        UsageError: there are too few to tell anything, or they have no class each.
    """
    x, y = given
    if y.ndim != 1 or y.is_floating_point():
        raise UsageError(
            f"{what} needs a class for each example; these are {y.dtype} of {tuple(y.shape)}"
        )
    if len(x) < LEAST:
        raise UsageError(f"{what}: {len(x)} examples tell nothing; expected {LEAST} at least")
    return x, y.long()
