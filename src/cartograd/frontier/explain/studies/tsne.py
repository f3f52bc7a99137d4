"""t-SNE: a picture in which whoever is a neighbour with high probability stays one.

Each point chooses a neighbour by a Gaussian whose width gives it `perplexity` neighbours to choose
from; in the picture by a Student t, whose tails leave room. Gradient descent brings the second
distribution to the first, attractions exaggerated twelve-fold in the beginning.

    p_ij = (p_j|i + p_i|j) / 2n,    q_ij ~ 1 / (1 + |y_i - y_j|^2),    min KL(p | q)
    dKL / dy_i = 4 sum_j (p_ij - q_ij) (y_i - y_j) / (1 + |y_i - y_j|^2)

Departures: begins at the two principal axes, not at noise, and takes the rate n / 48 (at least 50)
of Belkina et al.; all pairs are counted, which is for some thousand points.

References:
    Laurens van der Maaten, Geoffrey Hinton. Visualizing data using t-SNE. JMLR 9, 2008.
    https://jmlr.org/papers/v9/vandermaaten08a.html

>>> import torch
>>> x = torch.cat([torch.randn(20, 5), torch.randn(20, 5) + 20])
>>> view, divergence = tsne(x, perplexity=5, steps=300)
>>> bool((torch.cdist(view[:20], view[20:]).min() > 1))
True
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.errors import UsageError

EARLY = 250
"""Steps with exaggerated attractions."""


def tsne(
    x: Float[Tensor, "n d"], /, *, perplexity: float = 30.0, steps: int = 1000
) -> tuple[Float[Tensor, "n 2"], float]:
    """Places in the plane, and the divergence that is left.

    Args:
        x: points.
        perplexity: neighbours of a point, softly counted; fewer than a third of the points.
        steps: of the descent.

    Raises:
        UsageError: too few points for the perplexity.
    """
    if not 1 <= perplexity <= (len(x) - 1) / 3:
        most = (len(x) - 1) // 3
        told = f"perplexity={most}, or" if most else "at least four, better"
        raise UsageError(
            f"perplexity={perplexity:g} does not fit {len(x)} points; expected 1 to a third of "
            f"them: give {told} more points"
        )
    p = joint(conditional(x.double(), perplexity))
    y = 1e-4 * principal(x)
    speed, gains = torch.zeros_like(y), torch.ones_like(y)
    rate = max(len(x) / 48, 50.0)
    for step in range(steps):
        early = step < EARLY
        slope, _ = _slope(12 * p if early else p, y)
        same = slope.sign() == speed.sign()
        gains = torch.where(same, gains * 0.8, gains + 0.2).clamp(min=0.01)
        speed = (0.5 if early else 0.8) * speed - rate * gains * slope
        y = y + speed
    _, q = _slope(p, y)
    return y - y.mean(0), float((p * (p / q).log()).sum())


def conditional(x: Float[Tensor, "n d"], perplexity: float, /) -> Float[Tensor, "n n"]:
    """p(j | i), each row as wide as gives this perplexity; the widths are found by halving."""
    apart = torch.cdist(x, x).square()
    apart = apart / apart.mean().clamp(min=1e-300)
    apart.fill_diagonal_(torch.inf)
    low, high = (torch.full((len(x), 1), end, dtype=x.dtype) for end in (-40.0, 40.0))
    p = apart
    for _ in range(60):
        middle = (low + high) / 2
        p = (-apart * middle.exp()).softmax(1)
        wide = torch.special.entr(p).sum(1, keepdim=True) > math.log(perplexity)
        low, high = torch.where(wide, middle, low), torch.where(wide, high, middle)
    return p


def joint(p: Float[Tensor, "n n"], /) -> Float[Tensor, "n n"]:
    """Both directions' mean, a distribution over all pairs."""
    return ((p + p.T) / (2 * len(p))).clamp(min=1e-12)


def principal(x: Float[Tensor, "n d"], /) -> Float[Tensor, "n 2"]:
    """The two principal components, the first of standard deviation 1, signs by the largest."""
    centred = x.double() - x.double().mean(0)
    u, s, _ = torch.linalg.svd(centred, full_matrices=False)
    found = u[:, :2] * s[:2]
    if found.shape[1] < 2:
        found = torch.cat([found, torch.zeros_like(found)], 1)[:, :2]
    most = found.gather(0, found.abs().argmax(0, keepdim=True))
    return found * most.sign() / found[:, 0].std().clamp(min=1e-300)


def _slope(p: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient, and the picture's distribution over pairs."""
    kernel = 1 / (1 + torch.cdist(y, y).square())
    kernel.fill_diagonal_(0)
    q = (kernel / kernel.sum()).clamp(min=1e-12)
    pull = (p - q) * kernel
    return 4 * (pull.sum(1, keepdim=True) * y - pull @ y), q
