"""Ranking: of all items the one that a user takes next is to score highest.

Cross-entropy of the scores of all items: it raises the right one and lowers the others, those most
that score highest. Each example also adds the size of its own two rows, as in `factorise`.

    L(u, i) = -log(exp s_ui / sum_j exp s_uj) + weight (|p_u|^2 + |q_i|^2)

Shapes: a batch is (users `b 1`, items `b`); the model's scores are `b k`.

Departures: none of the paper's negative sampling: with thousands of items all are scored.

References:
    Paul Covington, Jay Adams, Emre Sargin. Deep neural networks for YouTube recommendations.
    RecSys 2016 (recommendation as classification of all items).
    https://doi.org/10.1145/2959100.2959190

>>> from cartograd.core.build import build
>>> objective = RankItems(model=build("matrix-factorisation:users=4,classes=5"))
>>> next(objective.losses((torch.tensor([[0.0]]), torch.tensor([3])))).value.shape
torch.Size([1])
"""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed

CARD = Card(
    name="rank-items",
    kind="objective",
    entry="RankItems",
    nodes=("loss/cross-entropy",),
    title="Ranking of items",
    zh="物品排序",
    paper="Deep neural networks for YouTube recommendations",
    year=2016,
    url="https://doi.org/10.1145/2959100.2959190",
    proofs=(
        "oracle: torch.nn.CrossEntropyLoss of the scores, loss and gradients to 1e-10 in float64",
        "law: after a step on them what a user has taken is not shown, and everything else is",
    ),
    metrics=("ndcg",),
)


@runtime_checkable
class Ranking(Protocol):
    """A model that scores all items for a user, and keeps rows for both."""

    def rows(self, x: Float[Tensor, "b 2"], /) -> tuple[Tensor, Tensor]:
        """The weights of each user, and those of each item."""
        ...

    def saw(self, x: Float[Tensor, "b 1"], items: Int[Tensor, " b"], /) -> None:
        """Note what users have taken."""
        ...


class RankItems(nn.Module):
    """Cross-entropy of the scores of all items.

    Args:
        model: scores all items for a user.
        weight: how much the squares of the rows that were named count.

    Raises:
        UsageError: the model keeps no rows.
    """

    def __init__(self, *, model: nn.Module, weight: float = 0.01):
        super().__init__()
        ranking = model.model if isinstance(model, Signed) else model
        if not isinstance(ranking, Ranking):
            raise UsageError(
                f"the objective rank-items needs a model with rows of users and items, such as "
                f"matrix-factorisation; {type(ranking).__name__} has none"
            )
        self.model, self.ranking, self.weight = model, ranking, weight
        self.players = {"model": model}

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each example, and the squares of its two rows."""
        users, items = batch
        if self.training:
            self.ranking.saw(users, items)
        loss = self.validate(batch)["loss"]
        if self.weight:
            pairs = torch.cat([users, items[:, None].to(users.dtype)], 1)
            for rows in self.ranking.rows(pairs):
                loss = loss + self.weight * rows.square().sum(1)
        yield Loss(loss)

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The cross-entropy of each example, and the outputs for the metrics."""
        users, items = batch
        scores = self.model(users)
        return {"loss": F.cross_entropy(scores, items, reduction="none"), "outputs": scores}
