"""Softmax: scores become probabilities that sum to one.

Each class gets a share in proportion to e^score, so differences between scores count and their
common level does not. Taking off the largest score first therefore changes nothing, except that
e^score can no longer overflow.

    p_i = e^(z_i - max z) / sum_j e^(z_j - max z)        dp_i / dz_j = p_i (delta_ij - p_j)

Shapes: `... k`, classes last, kept; the derivative is a matrix per example, `... k k`.

Departures: none.

References:
    John Bridle. Probabilistic interpretation of feedforward classification network outputs,
    with relationships to statistical pattern recognition. In Neurocomputing, 1990.
    https://doi.org/10.1007/978-3-642-76153-9_28

>>> [round(p, 3) for p in softmax(torch.tensor([3.5, 1.2, 0.8])).tolist()]
[0.857, 0.086, 0.058]
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="softmax",
    kind="activation",
    entry="softmax",
    nodes=("activation/softmax",),
    title="Softmax",
    zh="Softmax 归一化指数",
    paper="Probabilistic interpretation of feedforward classification network outputs",
    year=1990,
    url="https://doi.org/10.1007/978-3-642-76153-9_28",
    proofs=(
        "oracle: torch.softmax, values and gradients to 1e-10 in float64",
        "law: sums to 1, ignores a common shift, holds at scores of 1e4; `derivative` is "
        "autograd's Jacobian",
        "paper: the notes' worked example [3.5, 1.2, 0.8]",
    ),
    evidence={"activation/softmax": ("test_worked_example_of_the_notes", "test_does_not_overflow")},
)


def softmax(z: Float[Tensor, "... k"], /) -> Float[Tensor, "... k"]:
    """Probabilities along the last dimension."""
    # The maximum cancels out of the quotient, so no gradient needs to go through it.
    shares = (z - z.amax(-1, keepdim=True).detach()).exp()
    return shares / shares.sum(-1, keepdim=True)


def derivative(z: Float[Tensor, "... k"], /) -> Float[Tensor, "... k k"]:
    """The Jacobian, diag(p) - p p^T."""
    p = softmax(z)
    return torch.diag_embed(p) - p.unsqueeze(-1) * p.unsqueeze(-2)
