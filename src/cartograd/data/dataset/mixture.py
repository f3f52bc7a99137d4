"""What the synthetic sources share: points drawn around centres, and their exact density."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.plan import generator
from cartograd.data.dataset.tensors import assemble

Draw = Callable[[int, torch.Generator], tuple[Tensor, Tensor]]
"""From a number of examples and a generator: points and their classes."""

CELLS = 2**20
"""Points times centres that are looked at together."""

FINEST = 1e-4
"""Noise below this is not resolved any more."""


def drawn(
    name: str,
    draw: Draw,
    /,
    *,
    examples: int,
    classes: int,
    seed: int,
    standardise: bool = True,
) -> Dataset:
    """Three independent samples: `examples` for training, half as many for each of the others."""
    counts = {"train": examples, "valid": max(examples // 2, 1), "test": max(examples // 2, 1)}
    points = {part: draw(n, generator(seed, name, part)) for part, n in counts.items()}
    port = Port("point", "vector", tuple(points["train"][0].shape[1:]))
    label = Port(
        "class", "label", (classes,), labels=tuple(str(i) for i in range(classes)), task="classify"
    )
    signature = Signature((port,), (label,))
    splits = {part: Split(*pair, signature) for part, pair in points.items()}
    about = {"source": "drawn at random", "seed": seed}
    return assemble(name, splits, standardise=standardise, about=about)


def around(
    centres: Float[Tensor, "n d"], noise: float, generator: torch.Generator, /
) -> Float[Tensor, "n d"]:
    """Points with Gaussian noise around their centres."""
    return centres + noise * torch.randn(centres.shape, generator=generator)


def turns(count: int, classes: int, /) -> Int[Tensor, " n"]:
    """Classes in turn, 0, 1, ..., 0, 1, ...: as many of each as can be."""
    return torch.arange(count) % classes


def log_mixture(
    x: Float[Tensor, "n d"],
    centres: Float[Tensor, "m d"],
    weights: Float[Tensor, " m"],
    /,
    *,
    noise: float,
) -> Float[Tensor, " n"]:
    """Log density at `x` of Gaussian noise around weighted centres (or nodes of a curve).

    Raises:
        UsageError: without noise there is no density.
    """
    if noise <= 0:
        raise UsageError(f"noise={noise}: points without noise have no density; use noise above 0")
    centres, shares = centres.to(x), weights.to(x).log()
    scale = x.shape[1] / 2 * math.log(2 * math.pi * noise**2)
    parts = []
    for part in x.split(max(1, CELLS // len(centres))):
        squares = (part[:, None] - centres).square().sum(-1)
        parts.append(torch.logsumexp(shares - squares / (2 * noise**2), dim=1) - scale)
    return torch.cat(parts)


def quadrature(length: float, noise: float, /) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Nodes and weights on [0, 1] for a Gaussian that slides along a curve; weights sum to 1.

    Gauss-Legendre with eight nodes on each piece of the curve; a piece is as long as the noise.

    Args:
        length: of the curve.
        noise: standard deviation of the Gaussian.
    """
    import numpy as np

    pieces = math.ceil(length / max(noise, FINEST))
    points, weights = (
        torch.from_numpy(values) / 2 for values in np.polynomial.legendre.leggauss(8)
    )
    places = (torch.arange(pieces, dtype=torch.float64)[:, None] + points + 0.5) / pieces
    return places.flatten(), weights.repeat(pieces) / pieces
