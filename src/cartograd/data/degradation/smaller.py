"""Smaller pictures: the task is super-resolution.

Each side is divided by a whole number. The cubic kernel is stretched by the same factor, so that
nothing finer than the new pixels comes through as a false pattern (antialiasing).

Shapes: whole pictures `b c y x` in [0, 1] become `b c y/s x/s`.

Departures: none.

References:
    Robert Keys. Cubic convolution interpolation for digital image processing. IEEE Transactions on
    Acoustics, Speech, and Signal Processing 29, 1981. https://doi.org/10.1109/TASSP.1981.1163711

>>> import torch
>>> Smaller(scale=2)(torch.ones(1, 1, 8, 8), None).shape
torch.Size([1, 1, 4, 4])
"""

from dataclasses import replace
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port

CARD = Card(
    name="smaller",
    kind="degradation",
    entry="Smaller",
    nodes=("gan/applications",),
    title="Smaller pictures",
    zh="缩小的图片",
    paper="Cubic convolution interpolation for digital image processing",
    year=1981,
    url="https://doi.org/10.1109/TASSP.1981.1163711",
    proofs=("oracle: Pillow's bicubic resize of real-valued pictures, to 1e-5",),
)


class Smaller:
    """Sides divided by a whole number.

    Args:
        scale: by which.
    """

    plain: ClassVar[str] = "enlarging by cubic interpolation"

    def __init__(self, *, scale: int = 2):
        self.scale = scale

    def port(self, whole: Port, /) -> Port:
        """With shorter sides.

        Raises:
            UsageError: the sides cannot be divided.
        """
        channels, *sides = (int(dim) for dim in whole.dims)
        if self.scale < 2 or any(side % self.scale or side == self.scale for side in sides):
            raise UsageError(
                f"scale={self.scale} of smaller does not fit pictures of {sides[0]} x {sides[1]}; "
                "expected 2 or more, by which both sides can be divided"
            )
        return replace(whole, dims=(channels, *(side // self.scale for side in sides)))

    def __call__(self, x: Float[Tensor, "b c y x"], _: Any, /) -> Float[Tensor, "b c y2 x2"]:
        """Smaller pictures."""
        sides = [side // self.scale for side in x.shape[2:]]
        small = F.interpolate(x, size=sides, mode="bicubic", antialias=True)
        return small.clamp(0, 1)

    def guess(
        self, x: Float[Tensor, "b c y x"], mean: Float[Tensor, "c y2 x2"], /
    ) -> Float[Tensor, "b c y2 x2"]:
        """The same pictures enlarged."""
        return F.interpolate(x, size=mean.shape[1:], mode="bicubic").clamp(0, 1)
