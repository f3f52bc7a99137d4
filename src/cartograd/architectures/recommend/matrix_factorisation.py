"""Matrix factorisation: a rating is what a user gives, what an item gets, and how the two agree.

Each user and each item is a row of a few numbers (its factors) and one more (its bias: how high a
user's ratings are, how highly an item is rated). Nobody says what a factor means: those are found
by which rows tell the ratings that are known.

    rating(u, i) = mean + b_u + b_i + p_u . q_i

Asked of a user alone it scores every item by the same sum (b_u is the same for all and left out);
a history, if there is one, is not read.
In evaluation items that the user is known to have taken score minus infinity: they are not shown.

Of two classes, taken or not, the sum is the logit z of the second, [0, z], and its mean is learned.

Shapes: input `b 2`, the numbers of user and item; output `b 1`, or `b 2` of two classes. Or input
`b 1`, the user; output `b k`, a score for each item. The number after the last is of whom training
does not know: their factors and bias are nothing.

Departures: the mean, and the unit (a standard deviation of the ratings), are the output port's, by
which a signed model answers. All rows are learned together by the chosen optimizer, not one rating
at a time.

References:
    Yehuda Koren, Robert Bell, Chris Volinsky. Matrix factorization techniques for recommender
    systems. IEEE Computer 42, 2009. https://doi.org/10.1109/MC.2009.263

>>> model = MatrixFactorisation(users=671, items=9066, factors=16)
>>> sum(weight.numel() for weight in model.parameters()) == (672 + 9067) * 17
True
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card

CARD = Card(
    name="matrix-factorisation",
    kind="model",
    entry="MatrixFactorisation",
    nodes=("metric/ctr-cvr",),
    title="Matrix factorisation",
    zh="矩阵分解",
    paper="Matrix factorization techniques for recommender systems",
    year=2009,
    url="https://doi.org/10.1109/MC.2009.263",
    proofs=(
        "oracle: the truncated singular value decomposition of NumPy: a full table without biases "
        "is learned to its error, to 1e-4",
        "law: asked of a user alone, it orders items as it rates them, what was taken left out",
        "law: whom training does not know is answered by the biases that are known, and rows that "
        "a batch does not name get no gradient",
        "law: clicks are told by a probability that is calibrated, kept and served; whom nobody "
        "knows clicks as often as all do",
    ),
    tiny={"users": 4, "items": 5, "factors": 3},
    objective="factorise",
    settings={"optimizer": "adam:lr=0.005", "batch_size": 512, "epochs": 12},
)


SPREAD = 0.05
"""Standard deviation of the factors before training."""


class MatrixFactorisation(nn.Module):
    """A bias and factors of each user and each item.

    Args:
        users: how many users there are.
        items: how many items there are; None for `classes` of them, all of which are scored.
        classes: how many numbers the answer has: one rating, or a score for each item; or two of a
            pair, whether the item is taken.
        factors: numbers in which a user and an item agree or do not.
    """

    seen: Tensor | None
    mean: nn.Parameter | None

    def __init__(
        self, *, users: int, items: int | None = None, classes: int = 1, factors: int = 16
    ):
        super().__init__()
        scored, items = items is None, classes if items is None else items
        self.users, self.items = users, items
        self.user = nn.Embedding(users + 1, factors + 1, padding_idx=users)
        self.item = nn.Embedding(items + 1, factors + 1, padding_idx=items)
        seen = torch.zeros(users + 1, items, dtype=torch.bool) if scored else None
        self.register_buffer("seen", seen)
        self.mean = nn.Parameter(torch.zeros(1)) if classes == 2 and not scored else None
        for table in (self.user, self.item):
            nn.init.normal_(table.weight, std=SPREAD)
            with torch.no_grad():
                table.weight[:, 0] = 0  # the bias
                table.weight[-1] = 0  # whom training does not know

    def rows(self, x: Float[Tensor, "b s"], /) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]:
        """The bias and the factors of each user (first), and those of each item (last)."""
        user, item = x[:, 0].long(), x[:, -1].long()
        return self.user(user.clamp(0, self.users)), self.item(item.clamp(0, self.items))

    def saw(self, x: Float[Tensor, "b s"], items: Int[Tensor, " b"], /) -> None:
        """Note what users have taken."""
        if self.seen is not None:
            self.seen[x[:, 0].long().clamp(0, self.users), items] = True

    def known(self, x: Float[Tensor, "b s"], /) -> Bool[Tensor, "b k"]:
        """Which items each user is known to have taken."""
        number = x[:, 0].long().clamp(0, self.users)
        if self.seen is None:
            return torch.zeros(len(x), self.items, dtype=torch.bool, device=x.device)
        return self.seen[number]

    def forward(self, x: Float[Tensor, "b s"]) -> Float[Tensor, "b k"]:
        """How highly each user rates the item beside it, as a deviation from the mean; or each."""
        if self.seen is not None or x.shape[1] == 1:
            number = x[:, 0].long().clamp(0, self.users)
            user, item = self.user(number), self.item.weight[:-1]
            scores = item[:, 0] + user[:, 1:] @ item[:, 1:].T
            if self.training or self.seen is None:
                return scores
            return scores.masked_fill(self.known(x), -torch.inf)
        user, item = self.rows(x)
        agree = (user[:, 1:] * item[:, 1:]).sum(1, keepdim=True)
        rating = user[:, :1] + item[:, :1] + agree
        return rating if self.mean is None else F.pad(self.mean + rating, (1, 0))
