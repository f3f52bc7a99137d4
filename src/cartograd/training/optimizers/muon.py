"""Muon: momentum for matrices, with every direction of the step made equally long.

A gradient's few large singular values drown the rest, so that rare directions hardly learn. Muon
replaces the momentum by the nearest matrix whose singular values are all about 1, computed by five
steps of a polynomial that needs matrix products only. It is for hidden layers; biases, embeddings
and the output layer stay with AdamW, which `optimizer=muon` sees to: the output layer is the last
one that the model registers, unless an embedding is (see `cartograd.engine.optim.hidden`). Filters
are stepped as matrices of their outputs by all else.

    v <- momentum v + (1 - momentum) g,    u = momentum v + (1 - momentum) g
    w <- (1 - lr weight_decay) w - lr sqrt(max(1, rows / columns)) orthogonal(u)
    orthogonal: X = u / |u|,  then repeat  A = X X^T,  X <- a X + (b A + c A^2) X

Shapes: weight and gradient are matrices alike, and so is the memory.

Departures: none. The iteration runs in bfloat16, as the author's and torch's do; its singular
values end between about 0.7 and 1.2, not at 1.

References:
    Keller Jordan et al. Muon: an optimizer for hidden layers in neural networks. 2024.
    https://kellerjordan.github.io/posts/muon/

>>> orthogonal(torch.diag(torch.tensor([3.0, 0.5]))).diagonal().gt(0.6).tolist()
[True, True]
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="muon",
    kind="optimizer",
    entry="update",
    nodes=("optim/momentum",),
    title="Muon",
    zh="Muon 正交动量优化器",
    paper="Muon: an optimizer for hidden layers in neural networks",
    year=2024,
    url="https://kellerjordan.github.io/posts/muon/",
    proofs=(
        "oracle: torch.optim.Muon, weights of wide, tall and square matrices to 1e-10 in float64 "
        "after 20 steps",
        "law: the step's singular values lie between 0.6 and 1.3 and its singular vectors are the "
        "momentum's, whose own values span a factor of 100",
    ),
    renamed={"steps": "ns_steps"},
)


def update(
    weight: Float[Tensor, "n1 n2"],
    gradient: Float[Tensor, "n1 n2"],
    memory: dict[str, Tensor],
    /,
    *,
    lr: float = 1e-3,
    momentum: float = 0.95,
    weight_decay: float = 0.1,
    ns_steps: int = 5,
) -> tuple[Float[Tensor, "n1 n2"], dict[str, Tensor]]:
    """The weight and the velocity after a step.

    Args:
        weight: before the step.
        gradient: of the loss.
        memory: what the step before left; empty at first.
        lr: learning rate.
        momentum: share of the velocity that is kept at each step.
        weight_decay: share of a weight, times lr, that is taken off at each step.
        ns_steps: iterations of Newton and Schulz that make the step orthogonal.

    Raises:
        UsageError: the weight is no matrix.
    """
    if weight.ndim != 2:
        raise UsageError(f"muon steps matrices only, not {tuple(weight.shape)}; use adamw for it")
    velocity = (1 - momentum) * gradient
    if memory:
        velocity = velocity + momentum * memory["velocity"]
    ahead = momentum * velocity + (1 - momentum) * gradient
    scale = lr * max(1, weight.shape[0] / weight.shape[1]) ** 0.5
    weight = (1 - lr * weight_decay) * weight - scale * orthogonal(ahead, steps=ns_steps)
    return weight, {"velocity": velocity}


def orthogonal(matrix: Float[Tensor, "n1 n2"], /, *, steps: int = 5) -> Float[Tensor, "n1 n2"]:
    """Nearly the nearest matrix with singular values of 1, by Newton and Schulz's iteration."""
    a, b, c = 3.4445, -4.7750, 2.0315  # steepest at zero: small singular values grow fastest
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).bfloat16()
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.T if tall else x).to(matrix.dtype)
