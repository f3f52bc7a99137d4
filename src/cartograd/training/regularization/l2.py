"""L2: a penalty on the square of each weight, which keeps all of them small.

The pull is in proportion to the weight, so large ones shrink most and none becomes zero. As a term
of the loss it passes through the optimizer like any gradient; as decoupled decay it shrinks the
weights beside it. For plain gradient descent both are the same. Adam divides the loss form by the
gradient's size, so that weights with large gradients hardly decay: there the two differ.

    penalty = weight sum_i w_i^2        gradient: 2 weight w_i
    decay(w) = (1 - lr weight_decay) w        equal for plain descent if weight_decay = 2 weight

Shapes: weights of any shape; the penalty is one number.

Departures: none. The notes' penalty has no 1/2, unlike torch's weight_decay: hence the 2.

References:
    Arthur Hoerl, Robert Kennard. Ridge regression: biased estimation for nonorthogonal problems.
    Technometrics 12, 1970. https://doi.org/10.1080/00401706.1970.10488634
    Ilya Loshchilov, Frank Hutter. Decoupled weight decay regularization. ICLR 2019.
    https://arxiv.org/abs/1711.05101

>>> import torch
>>> weight = torch.tensor([-3.0, 1.0])
>>> l2(weight, weight=0.5).item(), decay(weight, lr=0.1, weight_decay=0.5).tolist()
(5.0, [-2.8499999046325684, 0.949999988079071])
"""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="l2",
    kind="regulariser",
    entry="l2",
    nodes=("regularize/l2",),
    title="L2 regularisation",
    zh="L2 正则化",
    paper="Ridge regression: biased estimation for nonorthogonal problems",
    year=1970,
    url="https://doi.org/10.1080/00401706.1970.10488634",
    proofs=(
        "oracle: the minimum is scikit-learn's Ridge, coefficients to 1e-8; `decay` is what "
        "torch.optim.AdamW does beside its step",
        "law: under plain gradient descent both forms are one, under Adam they are not",
    ),
    evidence={
        "regularize/l2": (
            "test_minimum_is_scikit_learns_ridge",
            "test_decay_is_what_adamw_does_beside_its_step",
        ),
    },
    renamed={"strength": "weight"},
)


def l2(parameter: Float[Tensor, "..."], /, *, weight: float = 1e-4) -> Float[Tensor, ""]:
    """The penalty, as a term of the loss.

    Args:
        parameter: any weight.
        weight: weight of the penalty in the loss.
    """
    return weight * parameter.square().sum()


def decay(
    weight: Float[Tensor, "..."], /, *, lr: float, weight_decay: float
) -> Float[Tensor, "..."]:
    """The weight after one decoupled step of decay."""
    return (1 - lr * weight_decay) * weight
