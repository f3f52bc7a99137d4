"""Independent components of features, and two groups of rows: what clustering activations needs.

FastICA looks for directions along which whitened data are least Gaussian: with g = tanh,

    w <- E[z g(w^T z)] - E[g'(w^T z)] w,   all w made orthonormal again by W <- (W W^T)^(-1/2) W

References:
    Aapo Hyvarinen. Fast and robust fixed-point algorithms for independent component analysis. IEEE
    Transactions on Neural Networks 10, 1999. https://doi.org/10.1109/72.761722
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

STEPS = 200
CLOSE = 1e-6


def components_of(x: Float[Tensor, "n d"], count: int, /) -> Float[Tensor, "n m"]:
    """Independent components of the rows, of variance 1; fewer where these have fewer directions.

    Args:
        x: rows of numbers.
        count: how many components.
    """
    apart = x.double() - x.double().mean(0)
    left, values, _ = torch.linalg.svd(apart, full_matrices=False)
    kept = int((values > 1e-7 * values.max().clamp(min=1e-300)).sum())
    white = left[:, : min(count, kept)] * len(x) ** 0.5
    if not white.shape[1]:
        return apart[:, :1]
    generator = torch.Generator().manual_seed(0)
    ways = _orthonormal(torch.randn(2 * (white.shape[1],), generator=generator).double())
    for _ in range(STEPS):
        bent = (white @ ways.T).tanh()
        new = _orthonormal(bent.T @ white / len(x) - (1 - bent.square()).mean(0)[:, None] * ways)
        turned = (1 - (new * ways).sum(1).abs()).max()
        ways = new
        if turned < CLOSE:
            break
    return white @ ways.T


def two_groups(x: Float[Tensor, "n d"], /) -> Bool[Tensor, " n"]:
    """Which rows are in the smaller of two groups, by 2-means.

    The best of the starts at the ends of each direction, where a group of few must lie.
    """
    best, least = torch.zeros(len(x), dtype=torch.bool), float("inf")
    for way in range(x.shape[1]):
        for sign in (1, -1):
            order = (sign * x[:, way]).argsort()
            inside = torch.zeros(len(x), dtype=torch.bool)
            inside[order[-max(1, len(x) // 10) :]] = True
            inside, cost = _settled(x, inside)
            if cost < least:
                best, least = inside, cost
    return best if best.sum() * 2 <= len(x) else ~best


def _settled(x: Tensor, inside: Tensor) -> tuple[Tensor, float]:
    """Lloyd's steps until nobody changes sides; the groups and their sum of squares."""
    for _ in range(100):
        nearer = _apart(x, inside).diff(dim=1)[:, 0] > 0
        if torch.equal(nearer, inside) or not 0 < int(nearer.sum()) < len(x):
            break
        inside = nearer
    return inside, float(_apart(x, inside).min(1).values.sum())


def _apart(x: Tensor, inside: Tensor) -> Tensor:
    """Squared distances of each row from the mean of those inside and of the others."""
    return torch.cdist(x, torch.stack([x[inside].mean(0), x[~inside].mean(0)])).square()


def _orthonormal(ways: Tensor) -> Tensor:
    left, _, right = torch.linalg.svd(ways)
    return left @ right


def silhouette(x: Float[Tensor, "n d"], inside: Bool[Tensor, " n"], /) -> float:
    """How much nearer rows are to their own group than to the other, from -1 to 1, on average."""
    if min(int(inside.sum()), int((~inside).sum())) < 2:
        return 0.0
    apart = torch.cdist(x, x)
    to_in, to_out = apart[:, inside].sum(1), apart[:, ~inside].sum(1)
    n, m = int(inside.sum()), int((~inside).sum())
    own = torch.where(inside, to_in / (n - 1), to_out / (m - 1))
    other = torch.where(inside, to_out / m, to_in / n)
    return float(((other - own) / torch.maximum(own, other).clamp(min=1e-300)).mean())
