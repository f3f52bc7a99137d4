"""Sketches: the edges of pictures as white lines. The task is to make pictures of sketches.

Sobel's two kernels give the slope of the brightness at each pixel, down and to the right. Where it
is steep, more than a quarter of what it is between black and white, there is a line.

    g = sqrt((S * x)^2 + (S^T * x)^2) / 4,    line = g > 1/4

Shapes: whole pictures `b c y x` in [0, 1] and sketches alike, each channel by itself.

Departures: none. Pixels beyond the border are as those at it.

References:
    Irwin Sobel, Gary Feldman. An isotropic 3x3 image gradient operator. Stanford Artificial
    Intelligence Project, 1968.
    https://www.researchgate.net/publication/239398674

>>> import torch
>>> half = torch.zeros(1, 1, 4, 4)
>>> half[..., 2:] = 1
>>> Edges()(half, None)[0, 0, 1].tolist()
[0.0, 1.0, 1.0, 0.0]
"""

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.ports import Port

CARD = Card(
    name="edges",
    kind="degradation",
    entry="Edges",
    nodes=("gan/applications",),
    title="Sketches of edges",
    zh="边缘草图",
    paper="An isotropic 3x3 image gradient operator",
    year=1968,
    url="https://www.researchgate.net/publication/239398674",
    proofs=("oracle: scipy.ndimage.sobel, line for line",),
)

STEEP = 0.25
"""Slopes above this are lines; that between black and white is 1."""


class Edges:
    """White lines where the brightness changes steeply."""

    plain: ClassVar[str] = "always the mean picture"

    def port(self, whole: Port, /) -> Port:
        """The same."""
        return whole

    def __call__(self, x: Float[Tensor, "b c y x"], _: Any, /) -> Float[Tensor, "b c y x"]:
        """Sketches."""
        down = x.new_tensor([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]) / 4
        kernels = torch.stack([down, down.T])[:, None]
        padded = F.pad(x.flatten(0, 1)[:, None], (1, 1, 1, 1), mode="replicate")
        slope = F.conv2d(padded, kernels).square().sum(1).sqrt()
        return (slope > STEEP).to(x).reshape(x.shape)

    def guess(
        self, x: Float[Tensor, "b c y x"], mean: Float[Tensor, "c y x"], /
    ) -> Float[Tensor, "b c y x"]:
        """The mean for each."""
        return mean.to(x).expand(x.shape)
