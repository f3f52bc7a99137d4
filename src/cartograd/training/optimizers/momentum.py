"""Momentum: a step in the direction that past gradients agree on.

A running sum of gradients grows where they point the same way and cancels where they swing, so that
progress along a valley is faster and its walls are bounced off less.

    v <- momentum v + lr g
    w <- w - v

Shapes: weight and gradient of any shape, alike, and so is the memory.

Departures: as in the notes the learning rate is inside of the velocity; torch multiplies by it
afterwards. Both are one while the rate is constant; when it falls, torch's velocity falls at once.

References:
    Boris Polyak. Some methods of speeding up the convergence of iteration methods. USSR
    Computational Mathematics and Mathematical Physics 4, 1964.
    https://doi.org/10.1016/0041-5553(64)90137-5

>>> import torch
>>> weight, memory = torch.tensor([1.0]), {}
>>> for _ in range(2):
...     weight, memory = update(weight, torch.tensor([1.0]), memory, lr=0.1, momentum=0.5)
>>> round(weight.item(), 3)
0.75
"""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="momentum",
    kind="optimizer",
    entry="update",
    nodes=("optim/momentum",),
    title="Momentum",
    zh="动量法",
    paper="Some methods of speeding up the convergence of iteration methods",
    year=1964,
    url="https://doi.org/10.1016/0041-5553(64)90137-5",
    proofs=(
        "oracle: torch.optim.SGD with momentum at a constant rate, weights to 1e-10 in float64 "
        "after 20 steps",
        "law: when the rate falls the two forms part",
    ),
    evidence={"optim/momentum": ("test_equals_torch_at_a_constant_rate",)},
)


def update(
    weight: Float[Tensor, "..."],
    gradient: Float[Tensor, "..."],
    memory: dict[str, Tensor],
    /,
    *,
    lr: float = 0.01,
    momentum: float = 0.9,
) -> tuple[Float[Tensor, "..."], dict[str, Tensor]]:
    """The weight and the velocity after a step.

    Args:
        weight: before the step.
        gradient: of the loss.
        memory: what the step before left; empty at first.
        lr: learning rate.
        momentum: share of the velocity that is kept at each step.
    """
    velocity = lr * gradient
    if memory:
        velocity = velocity + momentum * memory["velocity"]
    return weight - velocity, {"velocity": velocity}
