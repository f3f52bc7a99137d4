"""Contrastive loss: pull the two of a pair together, or push them at least a margin apart.

A network learns embeddings from nothing but which pairs belong together. Pairs that
do not, and are a margin apart already, have no loss; without the margin all would drift apart.

    L = (1 - d) D^2 / 2 + d max(0, margin - D)^2 / 2,    D = |u - v|, d = 1 if the pair differs

Shapes: both embeddings `b d`; `differs` ` b`; losses ` b`, one per pair.

Departures: none.

References:
    Raia Hadsell, Sumit Chopra, Yann LeCun. Dimensionality reduction by learning an invariant
    mapping. CVPR 2006. https://doi.org/10.1109/CVPR.2006.100

>>> pair = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.3, 0.4]])
>>> [round(contrastive(*pair, torch.tensor([d])).item(), 3) for d in (False, True)]
[0.125, 0.125]
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="contrastive",
    kind="loss",
    entry="contrastive",
    nodes=("loss/contrastive",),
    title="Contrastive loss of pairs",
    zh="对比损失",
    paper="Dimensionality reduction by learning an invariant mapping",
    year=2006,
    url="https://doi.org/10.1109/CVPR.2006.100",
    proofs=(
        "oracle: the formula in NumPy, values to 1e-10 in float64",
        "law: gradients are finite for equal points and zero beyond the margin",
        "law: an embedding of digits learned with it has a higher k-nearest-neighbour accuracy "
        "than an untrained one",
    ),
    evidence={
        "loss/contrastive": ("test_equals_the_formula", "test_learns_an_embedding_of_digits"),
    },
)


def contrastive(
    u: Float[Tensor, "b d"],
    v: Float[Tensor, "b d"],
    differs: Bool[Tensor, " b"],
    /,
    *,
    margin: float = 1.0,
) -> Float[Tensor, " b"]:
    """Half of the squared distance of a pair that belongs together, or of what it lacks.

    Args:
        u: one side of each pair.
        v: its other side.
        differs: 1 where the sides are to differ, 0 where they are alike.
        margin: distance from which on pairs that differ have no loss.
    """
    distance = torch.linalg.vector_norm(u - v, dim=1)  # its gradient at 0 is 0, not infinite
    apart = (margin - distance).clamp(min=0)
    return torch.where(differs, apart, distance).square() / 2
