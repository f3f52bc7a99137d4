"""AdamW: Adam, with weight decay beside the step instead of in the gradient.

Adam divides the gradient of an L2 penalty by the gradient's size, so that weights with large
gradients hardly decay. Shrinking the weights directly makes the decay the same for all.

    w <- (1 - lr weight_decay) w,    then Adam's step

Shapes: weight and gradient of any shape, alike, and so is the memory.

Departures: none.

References:
    Ilya Loshchilov, Frank Hutter. Decoupled weight decay regularization. ICLR 2019.
    https://arxiv.org/abs/1711.05101

>>> import torch
>>> weight, _ = update(torch.tensor([1.0]), torch.tensor([0.0]), {}, lr=0.1, weight_decay=0.5)
>>> round(weight.item(), 3)
0.95
"""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.training.optimizers import adam

CARD = Card(
    name="adamw",
    kind="optimizer",
    entry="update",
    nodes=("optim/adamw",),
    title="AdamW",
    zh="AdamW（解耦权重衰减的 Adam）",
    paper="Decoupled weight decay regularization",
    year=2019,
    url="https://arxiv.org/abs/1711.05101",
    proofs=(
        "oracle: torch.optim.AdamW, weights to 1e-10 in float64 after 20 steps",
        "law: all weights decay at one rate, where Adam with the penalty in its gradient spares "
        "those with large gradients",
    ),
    evidence={
        "optim/adamw": (
            "test_equals_torch",
            "test_all_weights_decay_alike_but_not_with_the_penalty_in_adams_gradient",
        ),
    },
    renamed={"floor": "eps"},
)


def update(
    weight: Float[Tensor, "..."],
    gradient: Float[Tensor, "..."],
    memory: dict[str, Tensor],
    /,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> tuple[Float[Tensor, "..."], dict[str, Tensor]]:
    """The weight, both means and the count of steps after a step.

    Args:
        weight: before the step.
        gradient: of the loss.
        memory: what the step before left; empty at first.
        lr: learning rate.
        betas: shares of the means of the gradient and of its square that are kept at each step.
        eps: added to the root, so that nothing is divided by zero.
        weight_decay: share of a weight, times lr, that is taken off at each step.
    """
    decayed = (1 - lr * weight_decay) * weight
    return adam.update(decayed, gradient, memory, lr=lr, betas=betas, eps=eps)
