"""Kernel distance: how far drawn examples are from real ones, without a bias by their number.

The squared maximum mean discrepancy with a polynomial kernel of degree three, by the estimator that
leaves each example's likeness to itself out: for two sets from one distribution it is zero on
average, however few there are, and may come out below zero. With the features of a network that
knows such pictures it is the KID. The kernel is that of the KID, `(x . y / d + 1)^3`.

    k_xx + k_yy - 2 k_xy,    k_xx the mean over pairs of different drawn examples, and so on

Shapes: features `n d` of drawn and `m d` of real examples.

Departures: all examples at once, where the KID's paper means over subsets of a thousand.

References:
    Mikolaj Binkowski, Dougal Sutherland, Michael Arbel, Arthur Gretton. Demystifying MMD GANs. ICLR
    2018. https://arxiv.org/abs/1801.01401

>>> import torch
>>> x = torch.randn(400, 3, dtype=torch.float64)
>>> kernel_distance(x, x + 2) > kernel_distance(x, x + 1) > 0
True
"""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="kernel-distance",
    aliases=("kid",),
    kind="sample-metric",
    entry="kernel_distance",
    nodes=("gan/vanilla",),
    title="Kernel distance",
    zh="核距离",
    better="lower",
    paper="Demystifying MMD GANs",
    year=2018,
    url="https://arxiv.org/abs/1801.01401",
    proofs=(
        "law: over halves of one set its mean is zero, within three standard errors",
        "law: controls of real digits come in their order",
        "oracle: torchmetrics' poly_mmd, to 1e-10",
    ),
)


def kernel_distance(drawn: Float[Tensor, "n d"], real: Float[Tensor, "m d"], /) -> float:
    """The squared discrepancy.

    Raises:
        UsageError: there are fewer than two examples of a set.
    """
    if min(len(drawn), len(real)) < 2:
        raise UsageError("kernel-distance needs at least two drawn and two real examples")
    drawn, real = drawn.double(), real.double()
    return float(_apart(drawn) + _apart(real) - 2 * _kernel(drawn, real).mean())


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1).pow(3)


def _apart(x: Tensor) -> Tensor:
    """The mean over pairs of different examples."""
    kernel = _kernel(x, x)
    return (kernel.sum() - kernel.diagonal().sum()) / (len(x) * (len(x) - 1))
