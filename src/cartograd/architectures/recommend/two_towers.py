"""Two towers: one reads who asks and what they took before, one knows the items; they meet once.

The user tower makes a vector of a user's own row and of the items that the user took last, each
with a vector of its own for this purpose, the recent ones weighing more or less as training finds.
The item tower is a vector and a bias for each item. Items that suit have a large product with the
user, so those of all items are kept, and answering is one product with them:

    user(u, h) = p_u + sum_t a_t y_(h_t),  a = softmax(w) over what is there
    score(u, h, i) = b_i + user(u, h) . q_i

Who is new and has taken something is answered by that. In evaluation items that the user is known
to have taken, or that the history names, score minus infinity.

Shapes: input `b 1+history`, the numbers of the user and of what was taken, the latest first, the
number after the last where there is none; output `b k`, a score for each item.

Departures: the paper's towers are deep networks over many features of videos and watchers; here a
tower is one layer over numbers, and what is taken is pooled by learned weights of its age instead
of a plain mean. Its items share no vector between the history and the item tower.

References:
    Xinyang Yi, Ji Yang, Lichan Hong, Derek Zhiyuan Cheng, Lukasz Heldt, Aditee Kumthekar, Zhe Zhao,
    Li Wei, Ed Chi. Sampling-bias-corrected neural modeling for large corpus item recommendations.
    RecSys 2019. https://doi.org/10.1145/3298689.3346996
    Paul Covington, Jay Adams, Emre Sargin. Deep neural networks for YouTube recommendations.
    RecSys 2016 (a history as the mean of its vectors). https://doi.org/10.1145/2959100.2959190

>>> model = TwoTowers(users=4, classes=5, history=2, dim=3)
>>> model(torch.tensor([[0.0, 4.0, 5.0]])).shape
torch.Size([1, 5])
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card

CARD = Card(
    name="two-towers",
    kind="model",
    entry="TwoTowers",
    nodes=("metric/ctr-cvr",),
    title="Two towers",
    zh="双塔模型",
    aliases=("two-tower", "dual-encoder"),
    paper="Sampling-bias-corrected neural modeling for large corpus item recommendations",
    year=2019,
    url="https://doi.org/10.1145/3298689.3346996",
    proofs=(
        "oracle: torch's embedding_bag weighs what was taken alike, scores and gradients, to 1e-10 "
        "in float64",
        "law: what is not there counts nothing, who is new is answered by their history, and "
        "nothing that was taken is shown",
        "law: where users take in a circle it tells what comes next, which who they are does not",
    ),
    tiny={"users": 4, "classes": 5, "history": 2, "dim": 3, "dropout": 0.0},
    evidence={"metric/ctr-cvr": ("acceptance:movielens",)},
    objective="in-batch-softmax",
    settings={"optimizer": "adam:lr=0.005", "batch_size": 512, "epochs": 10},
)

SPREAD = 0.05
"""Standard deviation of the vectors before training."""


class TwoTowers(nn.Module):
    """Vectors of users, of what they took, and of items.

    Args:
        users: how many users there are.
        classes: how many items there are, all of which are scored.
        history: how many items that were taken before are read.
        dim: numbers in which a user and an item agree or do not.
        dropout: share of the user's vector that is left out in training.
    """

    seen: Tensor

    def __init__(
        self, *, users: int, classes: int, history: int = 0, dim: int = 64, dropout: float = 0.2
    ):
        super().__init__()
        self.users, self.items, self.history = users, classes, history
        self.user = nn.Embedding(users + 1, dim, padding_idx=users)
        self.taken = nn.Embedding(classes + 1, dim, padding_idx=classes)
        self.item = nn.Embedding(classes + 1, dim + 1, padding_idx=classes)
        self.age = nn.Parameter(torch.zeros(history))
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("seen", torch.zeros(users + 1, classes, dtype=torch.bool))
        for table in (self.user, self.taken, self.item):
            nn.init.normal_(table.weight, std=SPREAD)
            with torch.no_grad():
                table.weight[-1] = 0  # whom and what training does not know
        with torch.no_grad():
            self.item.weight[:, 0] = 0  # the bias

    def rows(self, x: Float[Tensor, "b s"], /) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]:
        """The vector of each user as asked, and that of the item beside it, biases first."""
        user = self._asked(x[:, :-1])
        item = self.item(x[:, -1].long().clamp(0, self.items))
        return torch.cat([torch.zeros_like(user[:, :1]), user], 1), item

    def saw(self, x: Float[Tensor, "b s"], items: Int[Tensor, " b"], /) -> None:
        """Note what users have taken."""
        self.seen[x[:, 0].long().clamp(0, self.users), items] = True

    def known(self, x: Float[Tensor, "b s"], /) -> Bool[Tensor, "b k"]:
        """Which items each user is known to have taken, by training or by the history."""
        seen = nn.functional.pad(self.seen[self._numbers(x[:, 0], self.users)], (0, 1))
        return seen.scatter(1, self._numbers(x[:, 1:], self.items), True)[:, :-1]

    def forward(self, x: Float[Tensor, "b s"]) -> Float[Tensor, "b k"]:
        """How well each item suits each user."""
        item = self.item.weight[:-1]
        scores = item[:, 0] + self._asked(x) @ item[:, 1:].T
        if self.training:
            return scores
        return scores.masked_fill(self.known(x), -torch.inf)

    def _asked(self, x: Float[Tensor, "b s"]) -> Float[Tensor, "b d"]:
        """The user tower."""
        user = self.user(self._numbers(x[:, 0], self.users))
        if self.history:
            before = self._numbers(x[:, 1:], self.items)
            there = before < self.items
            age = self.age.expand(there.shape).masked_fill(~there, -torch.inf)
            share = torch.softmax(age, 1).nan_to_num() * there  # nobody's past is no past
            user = user + torch.einsum("bt,bte->be", share, self.taken(before))
        return self.dropout(user)

    @staticmethod
    def _numbers(x: Float[Tensor, "..."], last: int) -> Int[Tensor, "..."]:
        return x.long().clamp(0, last)
