"""Stochastic gradient descent: a step against the gradient of a few examples.

The gradient over a batch is that over all the data plus noise of mean zero, so that many cheap
noisy steps lead where few exact ones would, and the noise helps out of saddle points. With all the
data in each batch it is gradient descent; with one example, the stochastic gradient of textbooks.

    w <- w - lr g

Shapes: weight and gradient of any shape, alike; there is no memory.

Departures: none.

References:
    Herbert Robbins, Sutton Monro. A stochastic approximation method. Annals of Mathematical
    Statistics 22, 1951. https://doi.org/10.1214/aoms/1177729586

>>> import torch
>>> weight, _ = update(torch.tensor([0.5]), torch.tensor([0.3]), {}, lr=0.01)
>>> round(weight.item(), 3)
0.497
"""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="sgd",
    kind="optimizer",
    entry="update",
    nodes=("optim/sgd",),
    title="Stochastic gradient descent",
    zh="随机梯度下降",
    paper="A stochastic approximation method",
    year=1951,
    url="https://doi.org/10.1214/aoms/1177729586",
    proofs=(
        "oracle: torch.optim.SGD, weights to 1e-10 in float64 after 20 steps",
        "law: the mean over batches of the gradient is the gradient over all the data",
        "paper: the notes' worked example w - 0.01 * 0.3",
    ),
    evidence={"optim/sgd": ("test_worked_example_of_the_notes", "test_equals_torch")},
)


def update(
    weight: Float[Tensor, "..."],
    gradient: Float[Tensor, "..."],
    memory: dict[str, Tensor],
    /,
    *,
    lr: float = 1e-3,
) -> tuple[Float[Tensor, "..."], dict[str, Tensor]]:
    """The weight after a step.

    Args:
        weight: before the step.
        gradient: of the loss.
        memory: what the step before left; empty at first.
        lr: learning rate.
    """
    return weight - lr * gradient, memory
