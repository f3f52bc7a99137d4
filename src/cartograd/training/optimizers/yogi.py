"""Yogi: Adam whose rates rise slowly again, as squared gradients are added and taken off.

Adam forgets a large gradient by a share at each step, so that its rate shoots up when small ones
follow. Yogi takes off no more than the square of the new gradient, whatever the memory is. With
rare, uneven gradients, such as the updates of clients of a federation, it is the steadier of the
two (FedYogi: `--optimizer yogi:lr=0.01` with `federated=`).

    m <- b1 m + (1 - b1) g
    v <- v - (1 - b2) sign(v - g^2) g^2
    w <- w - lr m / (sqrt(v) + eps)

Shapes: weight and gradient of any shape, alike, and so are both memories.

Departures: both memories begin at zero; the paper begins that of squares at a small number.

References:
    Manzil Zaheer, Sashank Reddi, Devendra Sachan, Satyen Kale, Sanjiv Kumar. Adaptive methods for
    nonconvex optimization. NeurIPS 2018.
    https://papers.nips.cc/paper/2018/hash/90365351ccc7437a1309dc64e4db32a3-Abstract.html

>>> weight, memory = update(torch.tensor([1.0]), torch.tensor([2.0]), {}, lr=0.1, eps=0.0)
>>> round(weight.item(), 3), round(memory["squares"].item(), 3)
(0.684, 0.004)
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="yogi",
    kind="optimizer",
    entry="update",
    nodes=("privacy/federated",),
    title="Yogi",
    zh="Yogi 自适应优化器",
    paper="Adaptive methods for nonconvex optimization",
    year=2018,
    url="https://papers.nips.cc/paper/2018/hash/90365351ccc7437a1309dc64e4db32a3-Abstract.html",
    proofs=(
        "law: weights are those of the formula computed number by number, to 1e-12",
        "law: a large gradient is forgotten by no more than the squares of those that follow",
    ),
)


def update(
    weight: Float[Tensor, "..."],
    gradient: Float[Tensor, "..."],
    memory: dict[str, Tensor],
    /,
    *,
    lr: float = 1e-2,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-3,
) -> tuple[Float[Tensor, "..."], dict[str, Tensor]]:
    """The weight and both memories after a step.

    Args:
        weight: before the step.
        gradient: of the loss.
        memory: what the step before left; empty at first.
        lr: length of a step where gradients are alike.
        betas: shares of the mean and of the squares that are kept at each step.
        eps: added to the root of the squares.
    """
    mean = memory["mean"] if memory else torch.zeros_like(weight)
    squares = memory["squares"] if memory else torch.zeros_like(weight)
    beta1, beta2 = betas
    mean = beta1 * mean + (1 - beta1) * gradient
    new = gradient.square()
    squares = squares - (1 - beta2) * (squares - new).sign() * new
    weight = weight - lr * mean / (squares.sqrt() + eps)
    return weight, {"mean": mean, "squares": squares}
