"""L1: a penalty on the size of each weight, under which the useless ones become exactly zero.

The pull towards zero is as strong for a small weight as for a large one, so that a weight that
does not lower the loss enough vanishes. Plain gradient descent on the penalty jitters around zero;
the proximal step (`shrink`), taken after the step on the data, arrives there.

    penalty = weight sum_i |w_i|        subgradient: weight sign(w_i), 0 at 0
    shrink(w) = argmin_v (v - w)^2 / 2 + amount |v| = sign(w) max(0, |w| - amount)

Shapes: weights of any shape; the penalty is one number. After a step of length lr, shrink by
lr weight.

Departures: none.

References:
    Robert Tibshirani. Regression shrinkage and selection via the lasso. Journal of the Royal
    Statistical Society B 58, 1996. https://doi.org/10.1111/j.2517-6161.1996.tb02080.x
    Ingrid Daubechies, Michel Defrise, Christine De Mol. An iterative thresholding algorithm for
    linear inverse problems with a sparsity constraint. Communications on Pure and Applied
    Mathematics 57, 2004 (the proximal step). https://doi.org/10.1002/cpa.20042

>>> weight = torch.tensor([-3.0, 0.5, 2.0])
>>> l1(weight, weight=0.5).item(), shrink(weight, amount=1.0).tolist()
(2.75, [-2.0, 0.0, 1.0])
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="l1",
    kind="regulariser",
    entry="l1",
    nodes=("regularize/l1",),
    title="L1 regularisation",
    zh="L1 正则化",
    paper="Regression shrinkage and selection via the lasso",
    year=1996,
    url="https://doi.org/10.1111/j.2517-6161.1996.tb02080.x",
    proofs=(
        "oracle: proximal gradient descent ends at scikit-learn's Lasso, coefficients to 1e-8 and "
        "the same zeros",
        "law: `shrink` is the minimum of its definition; the share of zeros grows with the "
        "strength, and subgradient steps leave none",
    ),
    evidence={
        "regularize/l1": (
            "test_proximal_descent_ends_at_scikit_learns_lasso",
            "test_zeros_grow_with_the_strength",
        ),
    },
    renamed={"strength": "weight"},
)


def l1(parameter: Float[Tensor, "..."], /, *, weight: float = 1e-4) -> Float[Tensor, ""]:
    """The penalty; autograd's gradient of it is the subgradient.

    Args:
        parameter: any weight.
        weight: weight of the penalty in the loss.
    """
    return weight * parameter.abs().sum()


def shrink(weight: Float[Tensor, "..."], /, *, amount: float) -> Float[Tensor, "..."]:
    """The proximal step: towards zero by the amount, and no further."""
    return weight.sign() * (weight.abs() - amount).clamp(min=0)


def zeros(weight: Float[Tensor, "..."], /, *, eps: float = 0.0) -> float:
    """The share of weights that are zero, or at most `eps` away from it."""
    return (weight.detach().abs() <= eps).to(torch.float64).mean().item()
