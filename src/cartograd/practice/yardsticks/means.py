"""Ratings by means alone: what all are on average, and how far each user and each item is from it.

The deviations are shrunk towards nothing where there are few ratings; how much is chosen on the
validation examples. They are found in turns, each from what the other leaves.

    b_i = sum_u (r_ui - mean - b_u) / (n_i + shrink),    b_u likewise

Of clicks, which are 0 and 1, these are shares, and the answers their logits.

References:
    Yehuda Koren. Factor in the neighbors: scalable and accurate collaborative filtering. ACM TKDD
    4, 2010 (section 2.1, baseline estimates). https://doi.org/10.1145/1644873.1644874
"""

from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from cartograd.data.dataset.dataset import Examples, Split

SHRINK = (2.0, 5.0, 10.0, 20.0)
"""How many ratings of the mean each user and item is thought to have had."""

ROUNDS = 10
"""Turns of items and users."""

LEAST = 0.01
"""Shares of clicks are kept so far from 0 and 1."""

Answer = Callable[[Examples], Float[Tensor, "n k"]]


def fitted(train: Examples, valid: Examples, /) -> Answer:
    """What answers pairs of users and items, whom training does not know by the mean.

    Args:
        train: pairs of numbers and their ratings.
        valid: those on which the shrinking is chosen; may be empty.
    """
    tried = [_means(train, shrink) for shrink in SHRINK]
    right = _ratings(valid)

    def error(answer: Answer) -> float:
        return float((answer(valid)[:, 0] - right).square().mean())

    best = min(tried, key=error) if len(valid) else tried[1]
    if train.signature.target != "class":
        return best
    return lambda examples: F.pad(best(examples).clamp(LEAST, 1 - LEAST).logit(), (1, 0))


def _means(train: Examples, shrink: float) -> Answer:
    users, items = _pairs(train)
    known = [len(column.categories or ()) for column in train.signature.input.columns]
    ratings = _ratings(train)
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


def _ratings(examples: Examples) -> Float[Tensor, " n"]:
    return examples.targets.reshape(len(examples)).double()


def _pairs(examples: Examples) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
    inputs = (
        examples if isinstance(examples, Split) else examples.select(range(len(examples)))
    ).inputs
    return inputs[:, 0].long(), inputs[:, 1].long()
