"""What a denoiser is told beside the noisy example: the time, and the class."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class Told(nn.Module):
    """Time and class as one vector.

    Args:
        width: of the vector.
        classes: how many; number `classes` stands for none of them. None without any.
    """

    def __init__(self, width: int, classes: int | None, /):
        super().__init__()
        self.width = width
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.classes = None if classes is None else nn.Embedding(classes + 1, width)

    def forward(
        self, time: Float[Tensor, " b"], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b d"]:
        """One vector for each example."""
        told = self.time(waves(time, self.width))
        return told if self.classes is None else nn.functional.silu(told + self.classes(y))


def waves(time: Float[Tensor, " b"], width: int, /) -> Float[Tensor, "b d"]:
    """Sines and cosines of a time of about 0 to 1000, from slow to fast.

    The frequencies fall from 1 to 1/10000 as in the transformer; cosines come first.

    References:
        Ashish Vaswani and others. Attention is all you need. NeurIPS 2017.
        https://arxiv.org/abs/1706.03762
    """
    half = width // 2
    places = torch.arange(half, device=time.device, dtype=time.dtype)
    angles = time[:, None] * torch.exp(-math.log(10_000) / half * places)
    both = torch.cat([angles.cos(), angles.sin()], dim=1)
    return nn.functional.pad(both, (0, width - 2 * half))
