"""Adam: a mean of the gradients, divided by the root of a mean of their squares.

It joins momentum and RMSProp. Both means start at zero and are corrected for it, without which the
first steps would be too long. A step is then about lr for every weight, whatever the gradient's
scale.

    m <- b1 m + (1 - b1) g,    s <- b2 s + (1 - b2) g^2
    w <- w - lr (m / (1 - b1^t)) / (sqrt(s / (1 - b2^t)) + eps)

Shapes: weight and gradient of any shape, alike, and so is the memory.

Departures: none.

References:
    Diederik Kingma, Jimmy Ba. Adam: a method for stochastic optimization. ICLR 2015.
    https://arxiv.org/abs/1412.6980

>>> weight, _ = update(torch.tensor([1.0, 1.0]), torch.tensor([0.01, 100.0]), {}, lr=0.1)
>>> [round(number, 3) for number in weight.tolist()]
[0.9, 0.9]
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="adam",
    kind="optimizer",
    entry="update",
    nodes=("optim/adam",),
    title="Adam",
    zh="Adam（自适应矩估计）",
    paper="Adam: a method for stochastic optimization",
    year=2015,
    url="https://arxiv.org/abs/1412.6980",
    proofs=(
        "oracle: torch.optim.Adam, weights to 1e-10 in float64 after 20 steps",
        "law: a gradient of any constant size makes steps of lr from the first on, which it would "
        "not without the correction of the start; other scales of the loss change nothing",
    ),
    evidence={
        "optim/adam": (
            "test_equals_torch",
            "test_uncorrected_the_first_step_would_be_three_times_as_long",
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
) -> tuple[Float[Tensor, "..."], dict[str, Tensor]]:
    """The weight, both means and the count of steps after a step.

    Args:
        weight: before the step.
        gradient: of the loss.
        memory: what the step before left; empty at first.
        lr: learning rate.
        betas: shares of the means of the gradient and of its square that are kept at each step.
        eps: added to the root, so that nothing is divided by zero.
    """
    if not memory:
        zero = torch.zeros_like(weight)
        memory = {"first": zero, "second": zero, "step": torch.zeros(())}
    beta1, beta2 = betas
    first = beta1 * memory["first"] + (1 - beta1) * gradient
    second = beta2 * memory["second"] + (1 - beta2) * gradient.square()
    step = memory["step"] + 1
    # Both means start at zero and are too small by the weight that zero still has.
    unbiased1 = first / (1 - beta1 ** step.item())
    unbiased2 = second / (1 - beta2 ** step.item())
    weight = weight - lr * unbiased1 / (unbiased2.sqrt() + eps)
    return weight, {"first": first, "second": second, "step": step}
