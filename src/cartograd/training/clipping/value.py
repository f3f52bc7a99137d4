"""Clipping by value: every number of a gradient stays within the same bounds.

Simpler than clipping by norm, and blunter: the large numbers are cut and the small ones stay, so
that the direction changes.

    g_i <- min(max(g_i, -max), max)

Shapes: gradients and weights are lists of tensors of any shape, alike.

Departures: none.

References:
    Ian Goodfellow, Yoshua Bengio, Aaron Courville. Deep Learning, section 10.11.1 (after Mikolov,
    2012). MIT Press, 2016. https://www.deeplearningbook.org

>>> clip([torch.tensor([0.2, -7.0])], [torch.zeros(2)], torch.tensor(7.0), max=0.5)
[tensor([ 0.2000, -0.5000])]
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="value",
    kind="clipping",
    aliases=("clip-value",),
    entry="clip",
    nodes=("challenge/vanishing-exploding",),
    title="Clipping by value",
    zh="按值裁剪梯度",
    paper="Deep Learning, section 10.11.1",
    year=2016,
    url="https://www.deeplearningbook.org",
    proofs=(
        "oracle: torch.nn.utils.clip_grad_value_, gradients equal",
        "law: what is within the bounds stays, and nothing is outside of them",
    ),
    evidence={"challenge/vanishing-exploding": ("test_value_is_torchs",)},
    tiny={"max": 0.5},
)


def clip(
    gradients: Sequence[Float[Tensor, "..."]],
    weights: Sequence[Float[Tensor, "..."]],  # noqa: ARG001
    norm: Float[Tensor, ""],  # noqa: ARG001
    /,
    *,
    max: float = 0.5,
) -> list[Tensor]:
    """The gradients, every number within `max` of zero.

    Args:
        gradients: of every weight.
        weights: that they belong to.
        norm: of all gradients together.
        max: largest size of each number of a gradient.
    """
    kept = torch._foreach_clamp_max(list(gradients), max)  # pyright: ignore[reportPrivateImportUsage]
    torch._foreach_clamp_min_(kept, -max)  # pyright: ignore[reportPrivateImportUsage]
    return list(kept)
