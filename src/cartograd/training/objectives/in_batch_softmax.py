"""In-batch softmax: of the items that a batch took, each user is to tell their own.

With millions of items nobody scores all of them at each step. The others of the batch are a sample
of them, but items that many take are in it too often and would be pushed down for it; the
logarithm of how likely an item is to be in a batch is taken off its score.

    L(u, i) = -log(exp c_ui / sum_(j in batch) exp c_uj) + weight (|p_u|^2 + |q_i|^2)
    c_uj = s_uj - log q_j

An item that is in the batch twice is nobody's wrong answer to itself.

Shapes: a batch is (users `b s`, items `b`); the model's scores are `b k`, of which `b b` are made.

Departures: how likely an item is, is its share of all items met so far; the paper estimates it
from the steps between two meetings, by hashes. Vectors are not normalised, so there is no
temperature. Validation measures the cross-entropy of all items, as `rank-items` does.

References:
    Xinyang Yi, Ji Yang, Lichan Hong, Derek Zhiyuan Cheng, Lukasz Heldt, Aditee Kumthekar, Zhe Zhao,
    Li Wei, Ed Chi. Sampling-bias-corrected neural modeling for large corpus item recommendations.
    RecSys 2019. https://doi.org/10.1145/3298689.3346996

>>> from cartograd.core.build import build
>>> objective = InBatchSoftmax(model=build("two-towers:users=4,classes=5"))
>>> next(objective.losses((torch.zeros(2, 1), torch.tensor([3, 1])))).value.shape
torch.Size([2])
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.protocols import Batch, Loss
from cartograd.training.objectives.rank_items import ranking_of, rows_of, size

CARD = Card(
    name="in-batch-softmax",
    kind="objective",
    entry="InBatchSoftmax",
    nodes=("loss/cross-entropy",),
    title="In-batch softmax, corrected for popularity",
    zh="批内 softmax（热门校正）",
    aliases=("sampled-softmax",),
    paper="Sampling-bias-corrected neural modeling for large corpus item recommendations",
    year=2019,
    url="https://doi.org/10.1145/3298689.3346996",
    proofs=(
        "law: with each item once in the batch, all met equally often, it is the cross-entropy of "
        "all items, loss and gradients to 1e-10 in float64",
        "law: an item in the batch twice is told apart from the others only",
    ),
    metrics=("ndcg",),
)


class InBatchSoftmax(nn.Module):
    """Cross-entropy of the items of a batch, corrected for how often each is met.

    Args:
        model: has a row for each user and item.
        weight: how much the squares of the rows that were named count.

    Raises:
        UsageError: the model keeps no rows.
    """

    met: Tensor

    def __init__(self, *, model: nn.Module, weight: float = 0.01):
        super().__init__()
        self.model, self.ranking, self.weight = model, ranking_of(model, "in-batch-softmax"), weight
        self.players = {"model": model}
        self.register_buffer("met", torch.zeros(self.ranking.items, dtype=torch.int64))

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each example, and the squares of its two rows."""
        users, items = batch
        if self.training:
            self.ranking.saw(users, items)
            self.met.index_add_(0, items, torch.ones_like(items))
        user, item = rows_of(self.ranking, users, items)
        often = self.met[items].clamp(min=1).to(user.dtype)  # its sum is the same for all
        scores = user[:, 1:] @ item[:, 1:].T + item[:, 0] - often.log()
        own = torch.eye(len(items), dtype=torch.bool, device=items.device)
        twice = (items[:, None] == items) & ~own
        right = torch.arange(len(items), device=items.device)
        loss = F.cross_entropy(scores.masked_fill(twice, -torch.inf), right, reduction="none")
        yield Loss(loss + self.weight * size((user, item)))

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The cross-entropy of each example over all items, and the outputs for the metrics."""
        users, items = batch
        scores = self.model(users)
        return {"loss": F.cross_entropy(scores, items, reduction="none"), "outputs": scores}
