"""What the eps of one training must be at least, by how well its examples are guessed.

A coin has decided for each of m examples whether it was learned from. Whoever has seen the model
guesses those it is surest of to have been there, and those it is least sure of not to. Of r
guesses no more than a binomial number can be right, if the training keeps its (eps, delta): each
is right with odds of e^eps at most, whatever was guessed of the others. So no training has to be
repeated, and the bound is Clopper and Pearson's where delta is 0.

    P(right >= v) <= P(W >= v) + 2 m delta max_i P(v > W >= v - i) / i,   W ~ B(r, 1 / (1 + e^-eps))

Shapes: scores `n` of examples that were there, and `m` of those that were not.

Departures: r is a tenth, a half or all of the examples, each at a third of the doubt, so that both
a few that are told for sure and many that are told by a little are noticed.

References:
    Thomas Steinke, Milad Nasr, Matthew Jagielski. Privacy auditing with one (1) training run.
    NeurIPS 2023. https://arxiv.org/abs/2305.08846

>>> import torch
>>> least = (0.05 / 3) ** (1 / 400)  # 400 of 400 guesses are right
>>> bound = audited(torch.ones(200), torch.zeros(200))
>>> abs(bound - math.log(least / (1 - least))) < 1e-3
True
"""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

SHARES = (0.1, 0.5, 1.0)
"""Of the examples so many are guessed."""

MOST = 20.0
"""No bound is looked for above."""


def audited(
    members: Float[Tensor, " n"],
    others: Float[Tensor, " m"],
    /,
    *,
    delta: float = 0.0,
    level: float = 0.95,
    seed: int = 0,
) -> float:
    """A bound from below on eps, which holds with chance `level`.

    Args:
        members: scores of examples that a coin put into the training, higher for surer.
        others: scores of those that it left out.
        delta: of the private training.
        level: chance with which the bound holds.
        seed: of the order of examples of one score.
    """
    count = len(members) + len(others)
    mixed = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    ranked = mixed[torch.cat([members, others])[mixed].argsort(descending=True, stable=True)]
    there, doubt, found = ranked < len(members), (1 - level) / len(SHARES), 0.0
    for share in SHARES:
        half = int(share * count / 2)
        right = int(there[:half].sum() + (~there[count - half :]).sum())
        found = max(found, _least(count, 2 * half, right, delta, doubt))
    return found


def _least(count: int, guesses: int, right: int, delta: float, doubt: float) -> float:
    """The eps under which so many right guesses are as rare as the doubt."""
    if chance(count, guesses, right, eps=0.0, delta=delta) > doubt:
        return 0.0
    low, high = 0.0, MOST
    while high - low > 1e-4:
        middle = (low + high) / 2
        rare = chance(count, guesses, right, eps=middle, delta=delta) <= doubt
        low, high = (middle, high) if rare else (low, middle)
    return low


def chance(count: int, guesses: int, right: int, /, *, eps: float, delta: float) -> float:
    """How likely so many right guesses are at most.

    Args:
        count: examples.
        guesses: of them.
        right: how many are.
        eps: of the training.
        delta: of the training.
    """
    from scipy.stats import binom

    q = 1 / (1 + math.exp(-eps))
    tail = float(binom.sf(right - 1, guesses, q))
    if not delta or not right:
        return min(1.0, tail)
    below = binom.pmf(np.arange(right - 1, -1, -1), guesses, q).cumsum()
    steepest = float((below / np.arange(1, right + 1)).max())
    return min(1.0, tail + 2 * count * delta * steepest)
