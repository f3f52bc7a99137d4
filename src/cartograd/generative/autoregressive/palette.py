"""A palette: the few greys that stand for all, by k-means over those that pictures have.

    assign each level to its nearest grey; move each grey to the mean of its levels, by how often
    they occur; again and again

References:
    Mark Chen and others. Generative pretraining from pixels. ICML 2020, section 3.2.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

ROUNDS = 100
"""Palettes of a few hundred levels settle in fewer."""


def palette(counts: Float[Tensor, " n"], colours: int, /) -> Float[Tensor, " k"]:
    """So many greys, as levels that need not be whole, in rising order.

    >>> palette(torch.tensor([5.0, 0, 0, 1, 1]), 2).round(decimals=4)
    tensor([0.0000, 3.5000])

    Args:
        counts: how often each level occurs.
        colours: how many greys.
    """
    level = torch.arange(len(counts), dtype=counts.dtype, device=counts.device)
    weight = counts + 1e-9  # a level that was not seen has to go somewhere, too
    share = (weight.cumsum(0) - weight / 2) / weight.sum()
    places = (torch.arange(colours, device=counts.device) + 0.5) / colours
    spread = torch.linspace(0, len(counts) - 1, colours, dtype=counts.dtype, device=counts.device)
    found = (torch.searchsorted(share, places.to(share)).clamp(max=len(counts) - 1) + spread) / 2
    for _ in range(ROUNDS):
        mine = torch.nn.functional.one_hot(nearest_grey(level, found), colours).to(weight)
        held = weight @ mine
        found = torch.where(held > 0, (weight * level) @ mine / held.clamp(min=1e-12), found)
    return found


def nearest_grey(level: Float[Tensor, "*b"], greys: Float[Tensor, " k"], /) -> Int[Tensor, "*b"]:
    """The number of the grey next to each level; greys rise."""
    return torch.bucketize(level, (greys[1:] + greys[:-1]) / 2, right=True)
