"""BPR: what a user took is to score higher than what the user did not.

An item that was not taken may be unknown rather than disliked, so nobody says how low it should
score; only the order counts. Each example is compared with one item drawn from all:

    L(u, i) = -log s(score_ui - score_uj) + weight (|p_u|^2 + |q_i|^2 + |q_j|^2)

s is the logistic function: the mean of its arguments' signs is the area under the ROC curve of the
user's items, which this smooths. A drawn item that the user is known to have taken counts nothing.

Shapes: a batch is (users `b s`, items `b`); the model's scores are `b k`, of which `b 2` are made.

Departures: examples come in shuffled epochs, not with replacement. Validation takes the mean over
all items instead of a draw.

References:
    Steffen Rendle, Christoph Freudenthaler, Zeno Gantner, Lars Schmidt-Thieme. BPR: Bayesian
    personalized ranking from implicit feedback. UAI 2009. https://arxiv.org/abs/1205.2618

>>> from cartograd.core.build import build
>>> objective = BPR(model=build("matrix-factorisation:users=4,classes=5"))
>>> next(objective.losses((torch.zeros(2, 1), torch.tensor([3, 1])))).value.shape
torch.Size([2])
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.hashing import fractions, mixed, scrambled
from cartograd.core.protocols import Batch, Loss
from cartograd.training.objectives.rank_items import ranking_of, rows_of, size

CARD = Card(
    name="bpr",
    kind="objective",
    entry="BPR",
    nodes=("loss/cross-entropy",),
    title="Bayesian personalised ranking",
    zh="贝叶斯个性化排序",
    paper="BPR: Bayesian personalized ranking from implicit feedback",
    year=2009,
    url="https://arxiv.org/abs/1205.2618",
    proofs=(
        "law: its mean over draws is that over all items which were not taken, to 1e-10 in float64 "
        "where there is one such item",
        "law: users of two tastes have theirs first, which popularity does not tell",
    ),
    metrics=("ndcg",),
)


class BPR(nn.Module):
    """The order of an item that was taken and one that was not.

    Args:
        model: has a row for each user and item.
        weight: how much the squares of the rows that were named count.

    Raises:
        UsageError: the model keeps no rows.
    """

    def __init__(self, *, model: nn.Module, weight: float = 0.01):
        super().__init__()
        self.model, self.ranking, self.weight = model, ranking_of(model, "bpr"), weight
        self.players = {"model": model}

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each example against one drawn item."""
        users, items = batch
        if self.training:
            self.ranking.saw(users, items)
        drawn = self._drawn(users, items)
        user, taken = rows_of(self.ranking, users, items)
        _, other = rows_of(self.ranking, users, drawn)
        ahead = (user[:, 1:] * (taken - other)[:, 1:]).sum(1) + (taken - other)[:, 0]
        loss = F.softplus(-ahead) + self.weight * size((user, taken, other))
        known = self.ranking.known(users).gather(1, drawn[:, None])[:, 0]
        yield Loss(loss * ~known)

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The mean over all other items of each example, and the outputs for the metrics."""
        users, items = batch
        scores = self.model(users)
        ahead = scores.gather(1, items[:, None]) - scores
        return {"loss": F.softplus(-ahead).mean(1), "outputs": scores}

    def _drawn(self, users: Float[Tensor, "b s"], items: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        """An item for each example: a function of it and the step's seed, so microbatches agree."""
        count = self.ranking.items
        seed = mixed(torch.default_generator.initial_seed(), 0) >> 1
        share = fractions(scrambled(users[:, 0].long() * count + items + seed))
        return (share * count).long().clamp(max=count - 1)
