"""RMSProp: AdaGrad that forgets, so that its rates do not die out.

A running mean of the squared gradients replaces their sum: each step is divided by the recent size
of the gradient, however long the training has been.

    s <- alpha s + (1 - alpha) g^2
    w <- w - lr g / sqrt(s + eps)

Shapes: weight and gradient of any shape, alike, and so is the memory.

Departures: eps is under the root, as in the notes; torch adds it to the root. Without it both are
one.

References:
    Tijmen Tieleman, Geoffrey Hinton. Lecture 6.5: rmsprop. Neural Networks for Machine Learning,
    2012. https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf

>>> import torch
>>> gradient = torch.tensor([0.01, 100.0])
>>> weight, _ = update(torch.tensor([1.0, 1.0]), gradient, {}, lr=0.1, alpha=0.75)
>>> [round(number, 3) for number in weight.tolist()]
[0.8, 0.8]
"""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="rmsprop",
    kind="optimizer",
    entry="update",
    nodes=("optim/rmsprop",),
    title="RMSProp",
    zh="RMSProp",
    paper="Lecture 6.5: rmsprop",
    year=2012,
    url="https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf",
    proofs=(
        "oracle: torch.optim.RMSprop without eps, weights to 1e-10 in float64 after 20 steps",
        "law: with a constant gradient the step settles at lr, whatever the gradient's size",
    ),
    evidence={"optim/rmsprop": ("test_equals_torch_without_a_floor",)},
    renamed={"keep": "alpha", "floor": "eps"},
)


def update(
    weight: Float[Tensor, "..."],
    gradient: Float[Tensor, "..."],
    memory: dict[str, Tensor],
    /,
    *,
    lr: float = 0.01,
    alpha: float = 0.99,
    eps: float = 1e-8,
) -> tuple[Float[Tensor, "..."], dict[str, Tensor]]:
    """The weight and the mean of squares after a step.

    Args:
        weight: before the step.
        gradient: of the loss.
        memory: what the step before left; empty at first.
        lr: learning rate.
        alpha: share of the mean of squares that is kept at each step.
        eps: added to the mean of squares, so that nothing is divided by zero.
    """
    mean = (1 - alpha) * gradient.square()
    if memory:
        mean = mean + alpha * memory["mean"]
    return weight - lr * gradient / (mean + eps).sqrt(), {"mean": mean}
