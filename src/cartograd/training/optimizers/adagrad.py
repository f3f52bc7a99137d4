"""AdaGrad: each weight has a rate of its own, which falls with the gradients it has seen.

Weights of rare features keep large steps while those of frequent ones become careful. The sum never
shrinks, so that in a long training every rate goes to zero.

    r <- r + g^2
    w <- w - lr g / sqrt(r + floor)

Shapes: weight and gradient of any shape, alike, and so is the memory.

Departures: the floor is under the root, as in the notes; torch adds its eps to the root. Without
them both are one.

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
    zh="自适应梯度算法",
    paper="Adaptive subgradient methods for online learning and stochastic optimization",
    year=2011,
    url="https://jmlr.org/papers/v12/duchi11a.html",
    proofs=(
        "oracle: torch.optim.Adagrad without floor and eps, weights to 1e-10 in float64 after 20 "
        "steps",
        "law: with a constant gradient the steps fall as 1/sqrt(t); a floor under the root is felt "
        "earlier than one of the same size beside it",
    ),
)


def update(
    weight: Float[Tensor, "..."],
    gradient: Float[Tensor, "..."],
    memory: dict[str, Tensor],
    /,
    *,
    lr: float = 0.01,
    floor: float = 1e-10,
) -> tuple[Float[Tensor, "..."], dict[str, Tensor]]:
    """The weight and the sum of squares after a step."""
    total = gradient.square()
    if memory:
        total = total + memory["total"]
    return weight - lr * gradient / (total + floor).sqrt(), {"total": total}
