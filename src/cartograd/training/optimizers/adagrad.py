"""AdaGrad: each weight has a rate of its own, which falls with the gradients it has seen.

Weights of rare features keep large steps while those of frequent ones become careful. The sum never
shrinks, so that in a long training every rate goes to zero.

    r <- r + g^2
    w <- w - lr g / sqrt(r + eps)

Shapes: weight and gradient of any shape, alike, and so is the memory.

Departures: eps is under the root, as in the notes; torch adds it to the root. Without it both are
one.

References:
    John Duchi, Elad Hazan, Yoram Singer. Adaptive subgradient methods for online learning and
    stochastic optimization. Journal of Machine Learning Research 12, 2011.
    https://jmlr.org/papers/v12/duchi11a.html

>>> import torch
>>> weight, _ = update(torch.tensor([1.0, 1.0]), torch.tensor([0.01, 100.0]), {}, lr=0.1)
>>> [round(number, 3) for number in weight.tolist()]
[0.9, 0.9]
"""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="adagrad",
    kind="optimizer",
    entry="update",
    nodes=("optim/adagrad",),
    title="AdaGrad",
    zh="AdaGrad",
    paper="Adaptive subgradient methods for online learning and stochastic optimization",
    year=2011,
    url="https://jmlr.org/papers/v12/duchi11a.html",
    proofs=(
        "oracle: torch.optim.Adagrad without eps, weights to 1e-10 in float64 after 20 steps",
        "law: with a constant gradient the steps fall as 1/sqrt(t); an eps under the root is felt "
        "earlier than one of the same size beside it",
    ),
    evidence={"optim/adagrad": ("test_equals_torch_without_a_floor",)},
    renamed={"floor": "eps"},
)


def update(
    weight: Float[Tensor, "..."],
    gradient: Float[Tensor, "..."],
    memory: dict[str, Tensor],
    /,
    *,
    lr: float = 0.01,
    eps: float = 1e-10,
) -> tuple[Float[Tensor, "..."], dict[str, Tensor]]:
    """The weight and the sum of squares after a step.

    Args:
        weight: before the step.
        gradient: of the loss.
        memory: what the step before left; empty at first.
        lr: learning rate.
        eps: added to the sum of squares, so that nothing is divided by zero.
    """
    total = gradient.square()
    if memory:
        total = total + memory["total"]
    return weight - lr * gradient / (total + eps).sqrt(), {"total": total}
