"""Proximal gradient descent: a gradient step on the loss, then a proximal step on the L1 penalty.

The penalty |w| has no gradient at zero, so that gradient steps on it overshoot again and again. The
proximal step minimises the penalty exactly instead, which sets small weights to zero and keeps them
there: this is how L1 makes a model sparse.

    w <- shrink(w - lr g, lr weight),    shrink(w, a) = sign(w) max(0, |w| - a)

Shapes: weight and gradient of any shape, alike; there is no memory.

Departures: weights of one dimension (biases, scales) have no penalty.

References:
    Ingrid Daubechies, Michel Defrise, Christine De Mol. An iterative thresholding algorithm for
    linear inverse problems with a sparsity constraint. Communications on Pure and Applied
    Mathematics 57, 2004. https://doi.org/10.1002/cpa.20042

>>> import torch
>>> weight, _ = update(torch.tensor([[1.0, 0.05]]), torch.tensor([[1.0, 0.0]]), {}, lr=0.1)
>>> [round(number, 4) for number in weight[0].tolist()]
[0.8999, 0.0499]
"""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.training.regularization.l1 import shrink

CARD = Card(
    name="proximal",
    kind="optimizer",
    entry="update",
    nodes=("regularize/l1",),
    title="Proximal gradient descent (ISTA)",
    zh="近端梯度下降（ISTA）",
    paper="An iterative thresholding algorithm for linear inverse problems with a sparsity "
    "constraint",
    year=2004,
    url="https://doi.org/10.1002/cpa.20042",
    proofs=(
        "oracle: on a least-squares problem it ends at scikit-learn's Lasso, coefficients to 1e-8 "
        "and the same zeros",
        "law: on real digits the share of weights that are exactly zero grows with its weight, "
        "and the loss form of the same price leaves none",
    ),
    renamed={"strength": "weight"},
)


def update(
    parameter: Float[Tensor, "..."],
    gradient: Float[Tensor, "..."],
    memory: dict[str, Tensor],
    /,
    *,
    lr: float = 0.01,
    weight: float = 1e-3,
) -> tuple[Float[Tensor, "..."], dict[str, Tensor]]:
    """The weight after a step.

    Args:
        parameter: the weight before the step.
        gradient: of the loss.
        memory: what the step before left; empty at first.
        lr: learning rate.
        weight: weight of the L1 penalty.
    """
    stepped = parameter - lr * gradient
    return (shrink(stepped, amount=lr * weight) if parameter.ndim > 1 else stepped), memory
