"""Ratings by means alone: what all are on average, and how far each user and each item is from it.

The deviations are shrunk towards nothing where there are few ratings; how much is chosen on the
validation examples. They are found in turns, each from what the other leaves.

    b_i = sum_u (r_ui - mean - b_u) / (n_i + shrink),    b_u likewise

References:
    Yehuda Koren. Factor in the neighbors: scalable and accurate collaborative filtering. ACM TKDD
    4, 2010 (section 2.1, baseline estimates). https://doi.org/10.1145/1644873.1644874
"""

from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor

from cartograd.data.dataset.dataset import Examples, Split

SHRINK = (2.0, 5.0, 10.0, 20.0)
"""How many ratings of the mean each user and item is thought to have had."""

ROUNDS = 10
"""Turns of items and users."""

Answer = Callable[[Examples], Float[Tensor, "n 1"]]


def fitted(train: Examples, valid: Examples, /) -> Answer:
    """What answers pairs of users and items, whom training does not know by the mean.

    Args:
        train: pairs of numbers and their ratings.
        valid: those on which the shrinking is chosen; may be empty.
    """
    tried = [_means(train, shrink) for shrink in SHRINK]
    if not len(valid):
        return tried[1]
    right = valid.targets
    return min(tried, key=lambda answer: float((answer(valid) - right).square().mean()))


def _means(train: Examples, shrink: float) -> Answer:
    users, items = _pairs(train)
    known = [len(column.categories or ()) for column in train.signature.input.columns]
    ratings = train.targets[:, 0].double()
    mean = float(ratings.mean())
    user, item = (ratings.new_zeros(count + 1) for count in known)
    for _ in range(ROUNDS):
        item = _shrunk(items, ratings - mean - user[users], len(item), shrink)
        user = _shrunk(users, ratings - mean - item[items], len(user), shrink)

    def answer(examples: Examples) -> Tensor:
        users, items = _pairs(examples)
        return (mean + user[users] + item[items])[:, None]

    return answer


def _shrunk(
    number: Int[Tensor, " n"], left: Float[Tensor, " n"], count: int, shrink: float
) -> Float[Tensor, " k"]:
    """The mean of what is left for each number, shrunk."""
    total = left.new_zeros(count).index_add(0, number, left)
    return total / (number.bincount(minlength=count) + shrink)


def _pairs(examples: Examples) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
    inputs = (
        examples if isinstance(examples, Split) else examples.select(range(len(examples)))
    ).inputs
    return inputs[:, 0].long(), inputs[:, 1].long()
