"""Lion: the sign of a mean of gradients, and nothing else of it.

Found by a search over programs. Every weight moves by the same length, so that one mean is all the
memory, half of Adam's; since the signs make the step large, the rate is a third to a tenth of
AdamW's and the decay as much larger.

    w <- w - lr (sign(b1 m + (1 - b1) g) + weight_decay w)
    m <- b2 m + (1 - b2) g

Shapes: weight and gradient of any shape, alike, and so is the memory.

Departures: none.

References:
    Xiangning Chen et al. Symbolic discovery of optimization algorithms. NeurIPS 2023.
    https://arxiv.org/abs/2302.06675

>>> weight, _ = update(torch.tensor([1.0, 1.0]), torch.tensor([0.01, -100.0]), {}, lr=0.1)
>>> [round(number, 3) for number in weight.tolist()]
[0.9, 1.1]
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="lion",
    kind="optimizer",
    entry="update",
    nodes=("optim/momentum",),
    title="Lion",
    zh="Lion 符号动量优化器",
    paper="Symbolic discovery of optimization algorithms",
    year=2023,
    url="https://arxiv.org/abs/2302.06675",
    proofs=(
        "oracle: keras.optimizers.Lion, weights to 1e-5 in float32 after 20 steps",
        "law: every weight moves by lr; trained by name, it lowers a network's loss",
    ),
)


def update(
    weight: Float[Tensor, "..."],
    gradient: Float[Tensor, "..."],
    memory: dict[str, Tensor],
    /,
    *,
    lr: float = 1e-4,
    betas: tuple[float, float] = (0.9, 0.99),
    weight_decay: float = 0.0,
) -> tuple[Float[Tensor, "..."], dict[str, Tensor]]:
    """The weight and the mean of gradients after a step.

    Args:
        weight: before the step.
        gradient: of the loss.
        memory: what the step before left; empty at first.
        lr: length of every weight's step.
        betas: share of the mean in the direction, and share of it that is kept at each step.
        weight_decay: share of a weight, times lr, that is taken off at each step.
    """
    mean = memory["mean"] if memory else torch.zeros_like(weight)
    beta1, beta2 = betas
    direction = (beta1 * mean + (1 - beta1) * gradient).sign()
    weight = (1 - lr * weight_decay) * weight - lr * direction
    return weight, {"mean": beta2 * mean + (1 - beta2) * gradient}
