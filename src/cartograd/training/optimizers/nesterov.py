"""Nesterov's accelerated gradient: momentum that looks where it is about to land.

The gradient is taken not at the weights but where the velocity will carry them, so that the
correction comes a step earlier. Since a training loop takes gradients at the weights that a network
has, the network is given the looked-ahead weights u = w - momentum v, and the update is written in
them.

    v <- momentum v + lr g(w - momentum v),   w <- w - v
    the same in u:   v <- momentum v + lr g(u),   u <- u - momentum v - lr g(u)

Shapes: weight and gradient of any shape, alike, and so is the memory.

Departures: the weights given and returned are u; the notes' w is u + momentum v. The learning rate
is inside of the velocity, as in the notes and unlike torch.

References:
    Yurii Nesterov. A method of solving a convex programming problem with convergence rate
    O(1/k^2). Soviet Mathematics Doklady 27, 1983. https://www.mathnet.ru/eng/dan46009
    Ilya Sutskever, James Martens, George Dahl, Geoffrey Hinton. On the importance of
    initialization and momentum in deep learning. ICML 2013 (this form).
    https://proceedings.mlr.press/v28/sutskever13.html

>>> import torch
>>> weight, _ = update(torch.tensor([1.0]), torch.tensor([1.0]), {}, lr=0.1, momentum=0.5)
>>> round(weight.item(), 3)
0.85
"""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="nesterov",
    kind="optimizer",
    entry="update",
    nodes=("optim/nesterov",),
    title="Nesterov's accelerated gradient",
    zh="Nesterov 加速梯度",
    paper="A method of solving a convex programming problem with convergence rate O(1/k^2)",
    year=1983,
    url="https://www.mathnet.ru/eng/dan46009",
    proofs=(
        "oracle: torch.optim.SGD with nesterov at a constant rate, weights to 1e-10 in float64 "
        "after 20 steps",
        "law: w = u + momentum v follows the look-ahead form of the notes",
    ),
    evidence={
        "optim/nesterov": (
            "test_equals_torch_at_a_constant_rate",
            "test_follows_the_look_ahead_form_of_the_notes",
        ),
    },
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
    """The looked-ahead weight and the velocity after a step.

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
    return weight - momentum * velocity - lr * gradient, {"velocity": velocity}
