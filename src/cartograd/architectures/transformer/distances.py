"""Relative positions of T5: a bias of attention, learned for each of 32 ranges of distance.

Near distances have a range each, farther ones share ever wider ones, and the farthest share one.

References:
    Colin Raffel et al. Exploring the limits of transfer learning with a unified text-to-text
    transformer. 2019, Journal of Machine Learning Research 21, 2020.
    https://arxiv.org/abs/1910.10683
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

RANGES, FAR = 32, 128
"""Ranges of distance, and the distance from which on all share one."""


class Distances(nn.Module):
    """A bias of attention for each head and each range of distance.

    Args:
        heads: of the queries.
        both: whether later and earlier positions have ranges of their own; else none is later.
    """

    def __init__(self, heads: int, /, *, both: bool):
        super().__init__()
        self.both = both
        self.weight = nn.Parameter(torch.empty(RANGES, heads))

    def forward(self, t: int, s: int) -> Float[Tensor, "1 h t s"]:
        """The bias of the last t of s positions with all s."""
        places = torch.arange(s, device=self.weight.device)
        ranges = ranged(places - places[s - t :, None], both=self.both)
        return F.embedding(ranges, self.weight).permute(2, 0, 1)[None]


def ranged(ahead: Int[Tensor, "..."], /, *, both: bool) -> Int[Tensor, "..."]:
    """The range of each distance: one each for small ones, then ever wider ones.

    >>> ranged(-torch.tensor([0, 1, 15, 16, 40, 127, 500]), both=False).tolist()
    [0, 1, 15, 16, 23, 31, 31]
    """
    count = RANGES // 2 if both else RANGES
    far = ahead.abs() if both else (-ahead).clamp(min=0)
    exact = count // 2
    share = (far.float().clamp(min=1) / exact).log() / math.log(FAR / exact)
    wide = (exact + (share * (count - exact)).long()).clamp(max=count - 1)
    bucket = torch.where(far < exact, far, wide)
    return bucket + count * (ahead > 0) if both else bucket
