"""Hinge loss: the true class has to win by a margin, and winning by more earns nothing.

A support vector machine's loss. An example on the right side of its margin gives no gradient, so
that the solution depends only on the examples at the margin or beyond: the support vectors.

    L = max(0, margin + max_(j != t) z_j - z_t)
    two classes with logits (0, z) and y = +-1: L = max(0, margin - y z)

Shapes: logits `... k`, classes last; targets `...`; losses `...`, one per example.

Departures: the notes' form is for two classes; this is Crammer and Singer's for any number, which
contains it.

References:
    Corinna Cortes, Vladimir Vapnik. Support-vector networks. Machine Learning 20, 1995.
    https://doi.org/10.1007/BF00994018
    Koby Crammer, Yoram Singer. On the algorithmic implementation of multiclass kernel-based vector
    machines. Journal of Machine Learning Research 2, 2001.
    https://www.jmlr.org/papers/v2/crammer01a.html

>>> hinge(torch.tensor([[0.0, 0.25], [0.0, 3.0], [0.0, -1.0]]), torch.tensor([1, 1, 1])).tolist()
[0.75, 0.0, 2.0]
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="hinge",
    kind="loss",
    entry="hinge",
    nodes=("loss/hinge",),
    title="Hinge loss",
    zh="合页损失",
    paper="Support-vector networks",
    year=1995,
    url="https://doi.org/10.1007/BF00994018",
    proofs=(
        "oracle: sklearn.metrics.hinge_loss for two and more classes, and "
        "torch.nn.MultiMarginLoss for two, values and gradients to 1e-10 in float64",
        "law: a linear model with it and L2 is within a point of scikit-learn's LinearSVC, and an "
        "example beyond its margin gives no gradient",
    ),
    evidence={"loss/hinge": ("test_a_linear_model_with_it_is_a_support_vector_machine",)},
)


def hinge(
    logits: Float[Tensor, "*n k"], targets: Int[Tensor, "*n"], /, *, margin: float = 1.0
) -> Float[Tensor, "*n"]:
    """How much the true class falls short of winning by the margin, for each example.

    Args:
        logits: one for each class.
        targets: the right classes.
        margin: how far on the right side of the boundary a logit has no loss.
    """
    index = targets.unsqueeze(-1)
    true = logits.gather(-1, index).squeeze(-1)
    rival = logits.scatter(-1, index, -torch.inf).amax(-1)
    return (margin + rival - true).clamp(min=0)
