"""Structural similarity: whether two pictures have the same brightness, contrast and pattern.

Means, variances and the covariance of both are taken around each pixel, weighed by a Gaussian of
standard deviation 1.5 that is cut to 11 pixels. 1 is the same picture.

    SSIM = (2 m_x m_y + c1) (2 s_xy + c2) / ((m_x^2 + m_y^2 + c1) (s_x^2 + s_y^2 + c2))

with c1 = 0.01^2 and c2 = 0.03^2, averaged over the pixels whose whole neighbourhood is in the
picture, over channels, and over pictures.

Shapes: outputs and targets (n, c, y, x), from 0 to 1, sides of at least 11.

Departures: pictures smaller than 11 are compared as a whole by a window of their own size, the
largest odd one.

References:
    Zhou Wang, Alan Bovik, Hamid Sheikh, Eero Simoncelli. Image quality assessment: from error
    visibility to structural similarity. IEEE Transactions on Image Processing 13, 2004.
    https://doi.org/10.1109/TIP.2003.819861

>>> import torch
>>> x = torch.rand(2, 1, 16, 16)
>>> round(ssim(x, x), 6)
1.0
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.practice.metrics import given

CARD = Card(
    name="ssim",
    kind="metric",
    entry="ssim",
    nodes=("gan/applications",),
    title="Structural similarity",
    short="SSIM",
    zh="结构相似性",
    better="higher",
    unit="share",
    paper="Image quality assessment: from error visibility to structural similarity",
    year=2004,
    url="https://doi.org/10.1109/TIP.2003.819861",
    proofs=("oracle: torchmetrics' structural_similarity_index_measure in the middle, to 1e-6",),
)

WINDOW, SPREAD = 11, 1.5
"""Pixels of the neighbourhood, and the standard deviation of their weights."""

C1, C2 = 0.01**2, 0.03**2
"""What keeps the quotient from becoming unsure in dark and in even places."""


def ssim(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The mean similarity.

    Raises:
        UsageError: they are no pictures of one shape.
    """
    return weighed(outputs, targets, given.ones(outputs)).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
) -> Float[Tensor, " b"]:
    """The mean similarity under each weighting of the pictures."""
    return given.mean(weights, each(outputs, targets))


def each(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> Float[Tensor, " n"]:
    """The similarity of each picture."""
    return _similar(*given.pictures(outputs, targets))


def _similar(x: Float[Tensor, "n c y x"], y: Float[Tensor, "n c y x"]) -> Float[Tensor, " n"]:
    mean_x, mean_y, xx, yy, xy = map(_smooth, (x, y, x * x, y * y, x * y))
    var_x, var_y, both = xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y
    top = (2 * mean_x * mean_y + C1) * (2 * both + C2)
    return (top / ((mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2))).flatten(1).mean(1)


def _smooth(x: Float[Tensor, "n c y x"]) -> Float[Tensor, "n c y2 x2"]:
    """Weighed means over the neighbourhoods that are wholly in the picture, per channel."""
    size = min(WINDOW, *((side - 1) // 2 * 2 + 1 for side in x.shape[2:]))
    places = torch.arange(size, dtype=x.dtype) - size // 2
    line = (-places.square() / (2 * SPREAD**2)).exp()
    line = (line / line.sum()).expand(x.shape[1], 1, 1, -1)
    across = F.conv2d(x, line, groups=x.shape[1])
    return F.conv2d(across, line.transpose(2, 3), groups=x.shape[1])
