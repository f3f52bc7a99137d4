"""Clipping by norm: a gradient longer than a limit keeps its direction and gets that length.

Where the loss falls off a cliff, one step along the gradient can undo a thousand. Rescaling all
weights' gradients together by one factor bounds the step and still points downhill.

    g <- g min(1, max / (|g| + 1e-6)),  |g|: the norm of all gradients as one vector

Shapes: gradients and weights are lists of tensors of any shape, alike; the norm is one number.

Departures: none; the 1e-6 is torch's.

References:
    Razvan Pascanu, Tomas Mikolov, Yoshua Bengio. On the difficulty of training recurrent neural
    networks. ICML 2013. https://arxiv.org/abs/1211.5063

>>> gradients = [torch.tensor([3.0]), torch.tensor([[4.0]])]
>>> [round(g.item(), 4) for g in clip(gradients, gradients, length(gradients), max=1.0)]
[0.6, 0.8]
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="norm",
    kind="clipping",
    aliases=("clip-norm",),
    entry="clip",
    nodes=("challenge/vanishing-exploding",),
    title="Clipping by norm",
    zh="按范数裁剪梯度",
    paper="On the difficulty of training recurrent neural networks",
    year=2013,
    url="https://arxiv.org/abs/1211.5063",
    proofs=(
        "oracle: torch.nn.utils.clip_grad_norm_, gradients and norm to 1e-12 in float64",
        "law: the direction stays and the length is at most the limit",
    ),
    evidence={"challenge/vanishing-exploding": ("test_norm_is_torchs", "claim:clipping-prevents")},
    tiny={"max": 0.5},
)


def clip(
    gradients: Sequence[Float[Tensor, "..."]],
    weights: Sequence[Float[Tensor, "..."]],  # noqa: ARG001
    norm: Float[Tensor, ""],
    /,
    *,
    max: float = 1.0,
) -> list[Tensor]:
    """The gradients, all times the same factor; `norm` is their length (see `length`).

    Args:
        gradients: of every weight.
        weights: that they belong to.
        norm: of all gradients together.
        max: largest norm of all gradients together.
    """
    factor = (max / (norm + 1e-6)).clamp(max=1.0)
    return [gradient * factor for gradient in gradients]


def length(gradients: Sequence[Float[Tensor, "..."]], /) -> Float[Tensor, ""]:
    """The norm of all gradients as one vector."""
    norms = torch._foreach_norm(list(gradients))  # pyright: ignore[reportPrivateImportUsage]
    return torch.linalg.vector_norm(torch.stack(norms))
