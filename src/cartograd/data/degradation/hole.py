"""A hole in the middle of pictures: the task is inpainting.

A square in the middle is black. Everything around it is known, and stays as it is.

Shapes: whole pictures `b c y x` in [0, 1] and those with a hole alike.

Departures: the hole is marked by its place, which is the same in all pictures, and not by a mask
beside them; what a picture that is given to a model has there makes no difference.

References:
    Deepak Pathak and others. Context encoders: feature learning by inpainting. CVPR 2016.
    https://arxiv.org/abs/1604.07379

>>> import torch
>>> int(Hole(size=4)(torch.ones(1, 1, 8, 8), None).sum())
48
"""

from dataclasses import replace
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port

CARD = Card(
    name="hole",
    kind="degradation",
    entry="Hole",
    nodes=("gan/applications",),
    title="A hole in the middle",
    zh="中间缺一块的图片",
    paper="Context encoders: feature learning by inpainting",
    year=2016,
    url="https://arxiv.org/abs/1604.07379",
    proofs=("law: known pixels are kept bit for bit, those of the hole are 0",),
)


class Hole:
    """A black square in the middle.

    Args:
        size: of its sides.
    """

    plain: ClassVar[str] = "the mean picture in the hole"

    def __init__(self, *, size: int = 14):
        self.size = size

    def port(self, whole: Port, /) -> Port:
        """The same, not standardised: there and back, known pixels would not be bit for bit theirs.

        Raises:
            UsageError: nothing would be left around the hole.
        """
        sides = [int(dim) for dim in whole.dims[1:]]
        if self.size >= min(sides):
            raise UsageError(
                f"size={self.size} of hole leaves nothing of pictures of {sides[0]} x {sides[1]}; "
                f"expected 1 to {min(sides) - 1}"
            )
        return replace(whole, mean=(), std=())

    def inside(self, x: Float[Tensor, "b c y x"], /) -> Bool[Tensor, "y x"]:
        """Where the hole of such pictures is."""
        height, width = x.shape[2:]
        top, left = (height - self.size) // 2, (width - self.size) // 2
        hole = torch.zeros(height, width, dtype=torch.bool, device=x.device)
        hole[top : top + self.size, left : left + self.size] = True
        return hole

    def __call__(self, x: Float[Tensor, "b c y x"], _: Any, /) -> Float[Tensor, "b c y x"]:
        """The pictures with a hole."""
        return x.masked_fill(self.inside(x), 0)

    def guess(
        self, x: Float[Tensor, "b c y x"], mean: Float[Tensor, "c y x"], /
    ) -> Float[Tensor, "b c y x"]:
        """The mean in the hole, what is known around it."""
        return torch.where(self.inside(x), mean.to(x), x)
