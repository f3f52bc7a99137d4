"""What a falling threshold finds: the curve that ROC AUC and average precision are areas of."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def steps(
    score: Float[Tensor, " n"], positive: Bool[Tensor, " n"], weights: Float[Tensor, "b n"], /
) -> tuple[Float[Tensor, "b m"], Float[Tensor, "b m"]]:
    """The weight of the class that is found, and of all that is taken for it, from the highest on.

    There is a step for each distinct score: tied examples are taken together.

    Args:
        score: how likely each example is of the class, on any scale.
        positive: which examples are of it.
        weights: of the examples, one weighting a row.

    >>> score, positive = torch.tensor([0.1, 0.9, 0.9]), torch.tensor([True, True, False])
    >>> found, taken = steps(score, positive, torch.ones(1, 3))
    >>> found.tolist(), taken.tolist()
    ([[1.0, 2.0]], [[2.0, 3.0]])
    """
    # numpy sorts several times faster; the order of what is tied does not count.
    order = torch.from_numpy((-score).numpy().argsort())
    score, hit, weight = score[order], positive[order], weights[:, order]
    end = score.new_ones(1, dtype=torch.bool)
    last = torch.cat([score[1:] != score[:-1], end])
    taken = weight.cumsum(1)[:, last]
    return (weight * hit).cumsum(1)[:, last], taken
