"""Ranking: of all items the one that a user takes next is to score highest.

Cross-entropy of the scores of all items: it raises the right one and lowers the others, those most
that score highest. Each example also adds the size of its own two rows, as in `factorise`.

    L(u, i) = -log(exp s_ui / sum_j exp s_uj) + weight (|p_u|^2 + |q_i|^2)

Shapes: a batch is (users `b s`, items `b`); the model's scores are `b k`.

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

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
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
    """A model that scores all items for a user, and has a row for both: a bias, and a vector."""

    items: int

    def rows(self, x: Float[Tensor, "b s"], /) -> tuple[Tensor, Tensor]:
        """The row of each user, as it is asked, and that of the item whose number comes last."""
        ...

    def saw(self, x: Float[Tensor, "b s"], items: Int[Tensor, " b"], /) -> None:
        """Note what users have taken."""
        ...

    def known(self, x: Float[Tensor, "b s"], /) -> Bool[Tensor, "b k"]:
        """Which items each user is known to have taken."""
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
        self.model, self.ranking, self.weight = model, ranking_of(model, "rank-items"), weight
        self.players = {"model": model}

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each example, and the squares of its two rows."""
        users, items = batch
        if self.training:
            self.ranking.saw(users, items)
        loss = self.validate(batch)["loss"]
        if self.weight:
            loss = loss + self.weight * size(rows_of(self.ranking, users, items))
        yield Loss(loss)

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The cross-entropy of each example, and the outputs for the metrics."""
        users, items = batch
        scores = self.model(users)
        return {"loss": F.cross_entropy(scores, items, reduction="none"), "outputs": scores}


def ranking_of(model: nn.Module, name: str, /) -> Ranking:
    """What has the rows, inside a signed model or not.

    Raises:
        UsageError: the model keeps no rows.
    """
    ranking = model.model if isinstance(model, Signed) else model
    if not isinstance(ranking, Ranking):
        raise UsageError(
            f"the objective {name} needs a model with rows of users and items, such as "
            f"matrix-factorisation; {type(ranking).__name__} has none"
        )
    return ranking


def rows_of(
    ranking: Ranking, users: Float[Tensor, "b s"], items: Int[Tensor, " b"], /
) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]:
    """The rows of users and of one item for each."""
    return ranking.rows(torch.cat([users, items[:, None].to(users.dtype)], 1))


def size(rows: Sequence[Float[Tensor, "b d"]], /) -> Float[Tensor, " b"]:
    """The sum of the squares of several rows of each example."""
    return torch.stack([row.square().sum(1) for row in rows]).sum(0)
