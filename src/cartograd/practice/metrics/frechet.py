"""Frechet distance: how far a set of drawn examples is from a set of real ones, by two moments.

Both sets, as features, are taken for normal distributions, whose distance has a formula. With the
features of a network that knows such pictures it is the FID. It falls with the number of examples
(few of them make covariances look different): it compares models of equally many draws only.

    d = |m_1 - m_2|^2 + tr(C_1 + C_2 - 2 (C_1 C_2)^(1/2))

Shapes: features `n d` of drawn and `m d` of real examples.

Departures: none. The trace of the root is the sum of the singular values of `C_1^(1/2) C_2^(1/2)`,
which are the roots of the eigenvalues of `C_1 C_2`, and are found for any two covariances: examples
that are all alike, or fewer of them than features, have singular ones.

References:
    Martin Heusel, Hubert Ramsauer, Thomas Unterthiner, Bernhard Nessler, Sepp Hochreiter. GANs
    trained by a two time-scale update rule converge to a local Nash equilibrium. NeurIPS 2017.
    https://arxiv.org/abs/1706.08500

>>> import torch
>>> x = torch.randn(100, 3, dtype=torch.float64)
>>> round(frechet(x, x + 2), 6)
12.0
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="frechet",
    aliases=("fid",),
    kind="sample-metric",
    entry="frechet",
    nodes=("gan/vanilla",),
    title="Fréchet distance",
    short="Fréchet",
    zh="弗雷歇距离",
    better="lower",
    paper="GANs trained by a two time-scale update rule converge to a local Nash equilibrium",
    year=2017,
    url="https://arxiv.org/abs/1706.08500",
    proofs=(
        "law: a set and its shifted copy are the square of the shift apart, to 1e-9",
        "law: controls of real digits come in their order",
        "law: of N(0, I) and N(m, s^2 I) it is |m|^2 + d (1 - s)^2, to 1e-9",
        "oracle: the root of the covariances by scipy.linalg.sqrtm, to 1e-8; torchmetrics, to 1e-6",
    ),
)


def frechet(drawn: Float[Tensor, "n d"], real: Float[Tensor, "m d"], /) -> float:
    """The squared distance of the two normal distributions."""
    drawn, real = drawn.double(), real.double()
    (m1, c1), (m2, c2) = _moments(drawn), _moments(real)
    roots = torch.linalg.svdvals(_root(c1) @ _root(c2))
    return float((m1 - m2).square().sum() + c1.trace() + c2.trace() - 2 * roots.sum())


def _root(c: Tensor) -> Tensor:
    """The root of a covariance, which may have directions without any spread."""
    values, axes = torch.linalg.eigh(c)
    return axes * values.clamp_min(0).sqrt() @ axes.T


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and unbiased covariance; of one example a covariance of zeros."""
    if len(x) < 2:
        return x.mean(0), x.new_zeros(x.shape[1], x.shape[1])
    return x.mean(0), torch.cov(x.T).reshape(x.shape[1], x.shape[1])
