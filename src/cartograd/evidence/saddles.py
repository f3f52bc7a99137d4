"""Saddle points known in closed form, of three kinds, for experiments on how they are left.

Pixels are centred and scaled to a mean square length of 1.

- `direction`: one unit with tied weights, |x - w w'x|^2, at the fifth principal direction. It can
  be left towards the first four, and single examples push that way.
- `mode`: a linear net of two layers, on 16 whitened principal directions, at the best answer of
  rank 3 to the classes, its other hidden units zero, which training from a small start comes by. It
  can be left by the fourth mode, but every single example's gradient for a unit that is zero is
  zero, too.
- `zero`: a tanh net with all weights zero and the classes' logarithmic frequencies as biases.

References:
    Rong Ge, Furong Huang, Chi Jin, Yang Yuan. Escaping from saddle points: online stochastic
    gradient for tensor decomposition. 2015. https://arxiv.org/abs/1503.02101
"""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from cartograd.data.dataset.dataset import Split

Weights = list[Tensor]


class Loss(Protocol):
    """Mean loss of examples, from weights, pixels `b p` and classes as rows of 0 and 1, `b k`."""

    def __call__(self, weights: Weights, x: Tensor, y: Tensor, /) -> Tensor:
        """One number."""
        ...


class Saddle(NamedTuple):
    """A saddle.

    Attributes:
        at: its weights.
        loss: what is descended.
        goal: the loss over all examples below which it is left: a tenth of what can be gained.
    """

    at: Weights
    loss: Loss
    goal: float


def examples(split: Split, /) -> tuple[Tensor, Tensor]:
    """Pixels `n p` and classes as rows of 0 and 1, `n k`."""
    x = split.inputs.flatten(1)
    x = x - x.mean(0)
    return x / x.square().sum(1).mean().sqrt(), F.one_hot(split.targets, 10).float()


def direction(x: Tensor, _y: Tensor, /) -> Saddle:
    """The fifth principal direction; a tenth of the way to the first is the goal."""
    values, vectors = torch.linalg.eigh(x.T @ x / len(x))

    def loss(weights: Weights, x: Tensor, _y: Tensor, /) -> Tensor:
        (w,) = weights
        return (x - (x @ w)[:, None] * w).square().sum(1).mean()

    gain = values[-1] - values[-5]
    return Saddle([vectors[:, -5]], loss, (values.sum() - values[-5] - 0.1 * gain).item())


def mode(x: Tensor, y: Tensor, /) -> Saddle:
    """The best linear answer of rank 3, balanced between the layers; ten hidden units."""
    values, vectors = torch.linalg.eigh(x.T @ x / len(x))
    white, often = vectors[:, -16:] / values[-16:].sqrt(), y.mean(0)
    u, s, v = torch.linalg.svd((x @ white).T @ y / len(x))
    first, second = torch.zeros(16, 10), torch.zeros(10, 10)
    first[:, :3], second[:3] = u[:, :3] * s[:3].sqrt(), s[:3, None].sqrt() * v[:3]

    def loss(weights: Weights, x: Tensor, y: Tensor, /) -> Tensor:
        first, second = weights
        return (x @ white @ first @ second - (y - often)).square().sum(1).mean()

    goal = loss([first, second], x, y) - 0.1 * s[3] ** 2
    return Saddle([first, second], loss, goal.item())


def zero(x: Tensor, y: Tensor, /) -> Saddle:
    """All weights of a tanh net of 16 units zero; the biases answer with the frequencies."""
    often = y.mean(0)

    def loss(weights: Weights, x: Tensor, y: Tensor, /) -> Tensor:
        first, second, bias = weights
        return F.cross_entropy((x @ first).tanh() @ second + bias, y)

    at = [torch.zeros(x.shape[1], 16), torch.zeros(16, 10), often.log()]
    entropy = -(often * often.log()).sum().item()
    return Saddle(at, loss, 0.9 * entropy)


SADDLES = {"direction": direction, "mode": mode, "zero": zero}
