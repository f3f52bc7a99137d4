"""One attack at several sizes: what fell to a small change has fallen to every larger one."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Attacker = Callable[[Tensor, Tensor, float], Tensor]
"""Of inputs, right classes and a size: the changed inputs."""

Right = Callable[[Tensor, Tensor], Tensor]
"""Of inputs and right classes: whether each answer is right."""


def growing(
    attack: Attacker,
    right: Right,
    x: Float[Tensor, "n ..."],
    y: Int[Tensor, " n"],
    eps: Sequence[float],
    /,
) -> tuple[Float[Tensor, "n ..."], list[Bool[Tensor, " n"]]]:
    """The changed inputs, and what stands at each size.

    Only what stands is attacked at the next size, so the curve falls, and the small sizes cost
    most of what there is to pay.

    Args:
        attack: within a size.
        right: whether the model's answers are right.
        x: inputs.
        y: their right classes.
        eps: sizes, from small to large.
    """
    point, stands, found = x.clone(), torch.ones(len(x), dtype=torch.bool, device=x.device), []
    for size in eps:
        left = stands.nonzero()[:, 0]
        if len(left):
            moved = attack(x[left], y[left], size)
            point[left] = moved
            stands = stands.clone()
            stands[left] = right(moved, y[left])
        found.append(stands)
    return point, found
