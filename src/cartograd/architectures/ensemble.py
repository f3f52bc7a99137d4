"""Ensemble: several models answer, and their answers are averaged.

Models that were trained from other weights, or are of other kinds, err in other places; what they
agree on stays. Probabilities are averaged, not logits, so that a surer member counts for no more.

    p(y | x) = sum_i w_i p_i(y | x),    or  f(x) = sum_i w_i f_i(x)

Shapes: inputs as of each member; logits (b k), the logarithms of mean probabilities, or log-odds of
labels; values (b d).

Departures: members share one signature, so that inputs are standardised once for all.

References:
    Lars Kai Hansen, Peter Salamon. Neural network ensembles. 1990. https://doi.org/10.1109/34.58871
    Balaji Lakshminarayanan, Alexander Pritzel, Charles Blundell. Simple and scalable predictive
    uncertainty estimation using deep ensembles. 2017. https://arxiv.org/abs/1612.01474

>>> one = "mlp:features=2,classes=3,widths=[4]"
>>> ensemble = Ensemble(members=(one, one))
>>> bool(torch.allclose(ensemble(torch.randn(5, 2)).exp().sum(1), torch.ones(5)))
True
"""

import math
from collections.abc import Iterator
from typing import Literal

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="ensemble",
    kind="model",
    entry="Ensemble",
    nodes=("regularize/dropout",),
    title="Ensemble",
    zh="模型集成",
    paper="Neural network ensembles",
    year=1990,
    url="https://doi.org/10.1109/34.58871",
    proofs=(
        "law: it says the weighted mean of what its members say: of probabilities, log-odds' "
        "probabilities or values",
        "law: it learns, and is kept, exported and explained as any model",
    ),
    tiny={
        "members": (
            "mlp:features=4,classes=3,widths=[8]",
            "mlp:features=4,classes=3,widths=[6]",
        )
    },
)


class Ensemble(nn.Module):
    """Several models as one.

    Args:
        members: their specs, with all sizes.
        shares: how much each counts; by default all the same.
        answers: what is averaged: probabilities of a `class`, of each of several `classes`, or a
            `value`.

    Raises:
        UsageError: there is no member, or not a share above 0 for each.
    """

    shares: Tensor

    def __init__(
        self,
        *,
        members: tuple[str, ...],
        shares: tuple[float, ...] | None = None,
        answers: Literal["class", "classes", "value"] = "class",
    ):
        super().__init__()
        shares = shares or (1.0,) * len(members)
        if not members or len(shares) != len(members) or min(shares) <= 0:
            raise UsageError(
                f"{len(members)} members and shares {list(shares)}; expected at least one member, "
                "and a share above 0 for each"
            )
        self.answers = answers
        self.members = nn.ModuleList(build(one, kind="model") for one in members)
        whole = math.fsum(shares)
        self.register_buffer("shares", torch.tensor([one / whole for one in shares]))

    def forward(self, *inputs: Shaped[Tensor, "b ..."]) -> Float[Tensor, "b k"]:
        """Logits, or values."""
        if self.answers == "value":
            return sum(self._weighted(inputs), torch.zeros(()))
        if self.answers == "class":
            logs = [
                (member(*inputs).log_softmax(1) + share.log())
                for member, share in zip(self.members, self.shares, strict=True)
            ]
            return torch.stack(logs).logsumexp(0)
        sides = [
            torch.stack([F.logsigmoid(said), F.logsigmoid(-said)]) + share.log()
            for said, share in ((m(*inputs), s) for m, s in zip(self.members, self.shares,
                                                                 strict=True))
        ]  # fmt: skip
        yes, no = torch.stack(sides).logsumexp(0)
        return yes - no

    def _weighted(self, inputs: tuple[Tensor, ...]) -> Iterator[Tensor]:
        for member, share in zip(self.members, self.shares, strict=True):
            yield share * member(*inputs)
