"""RMSProp: AdaGrad that forgets, so that its rates do not die out.

A running mean of the squared gradients replaces their sum: each step is divided by the recent size
of the gradient, however long the training has been.

    s <- keep s + (1 - keep) g^2
    w <- w - lr g / sqrt(s + floor)

Shapes: weight and gradient of any shape, alike, and so is the memory.

Departures: the floor is under the root, as in the notes; torch adds its eps to the root. Without
them both are one.

References:
    Tijmen Tieleman, Geoffrey Hinton. Lecture 6.5: rmsprop. Neural Networks for Machine Learning,
    2012. https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf

>>> import torch
>>> weight, _ = update(torch.tensor([1.0, 1.0]), torch.tensor([0.01, 100.0]), {}, lr=0.1, keep=0.75)
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
    zh="均方根传播",
    paper="Lecture 6.5: rmsprop",
    year=2012,
    url="https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf",
    proofs=(
        "oracle: torch.optim.RMSprop without floor and eps, weights to 1e-10 in float64 after 20 "
        "steps",
        "law: with a constant gradient the step settles at lr, whatever the gradient's size",
    ),
)


def update(
    weight: Float[Tensor, "..."],
    gradient: Float[Tensor, "..."],
    memory: dict[str, Tensor],
    /,
    *,
    lr: float = 0.01,
    keep: float = 0.9,
    floor: float = 1e-8,
) -> tuple[Float[Tensor, "..."], dict[str, Tensor]]:
    """The weight and the mean of squares after a step."""
    mean = (1 - keep) * gradient.square()
    if memory:
        mean = mean + keep * memory["mean"]
    return weight - lr * gradient / (mean + floor).sqrt(), {"mean": mean}
