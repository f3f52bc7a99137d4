"""Affine: each image turned, moved, zoomed and sheared, by one map and one interpolation.

What a camera does to a flat thing that it sees from near by. One map for all four costs no more
than one of them, and blurs once instead of four times.

    x'(p) = x(M^-1 p),    M = shift * R(angle) * zoom * shear, p from the image's centre

Shapes: images `b c y x`, floats or bytes, kept.

Departures: as `rotate`; here positive angles turn clockwise, as torchvision's affine has it.

References:
    Patrice Simard, Dave Steinkraus, John Platt. Best practices for convolutional neural networks
    applied to visual document analysis. ICDAR 2003. https://doi.org/10.1109/ICDAR.2003.1227801

>>> x = torch.rand(2, 3, 8, 8)
>>> still = affine(x, CounterRandom(torch.arange(2)), degrees=0.0, translate=0.0, scale=(1.0, 1.0))
>>> torch.allclose(still, x, atol=1e-5)
True
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.training.augmentation.image.pixels import as_before, as_float
from cartograd.training.augmentation.image.warp import inverse, warped

CARD = Card(
    name="affine",
    kind="augmentation",
    entry="affine",
    nodes=("regularize/augmentation-image",),
    title="Random affine map",
    zh="随机仿射变换",
    paper="Best practices for convolutional neural networks applied to visual document analysis",
    year=2003,
    url="https://doi.org/10.1109/ICDAR.2003.1227801",
    proofs=(
        "oracle: torchvision's affine with bilinear interpolation, to 1e-10 in float64 and 1e-5 in "
        "float32; bytes to 1 level",
        "law: whole shifts only move pixels",
    ),
    evidence={"regularize/augmentation-image": ("test_equal_to_torchvisions",)},
    renamed={"zoom": "scale"},
)

MOVES = True
"""Pixels change their places, and what is known of them goes with them."""


def affine(
    x: Shaped[Tensor, "b c y x"],
    rng: CounterRandom,
    /,
    *,
    degrees: float = 10.0,
    translate: float = 0.1,
    scale: tuple[float, float] = (0.9, 1.1),
    shear: float = 0.0,
) -> Shaped[Tensor, "b c y x"]:
    """Each image turned by up to `degrees`, moved by a share of its size, zoomed and sheared.

    Args:
        x: a batch of images.
        rng: random numbers of each example.
        degrees: largest angle of the turn, either way.
        translate: largest shift, as a share of the image's size.
        scale: smallest and largest factor of enlargement.
        shear: largest angle of the shear along x and along y, in degrees.
    """
    unit = 2 * rng.uniform(6) - 1
    size = torch.tensor([x.shape[3], x.shape[2]], dtype=unit.dtype)
    low, high = scale
    factor = low + (high - low) * (unit[:, 3] + 1) / 2
    return mapped(x, degrees * unit[:, 0], translate * size * unit[:, 1:3], factor,
                  shear * unit[:, 4:])  # fmt: skip


def mapped(
    x: Shaped[Tensor, "b c y x"],
    angle: Float[Tensor, " b"],
    shift: Float[Tensor, "b 2"],
    zoom: Float[Tensor, " b"],
    shear: Float[Tensor, "b 2"],
    /,
) -> Shaped[Tensor, "b c y x"]:
    """Each image by its own map: degrees, pixels (right, down), factor, degrees (along x, y)."""
    matrix = inverse(angle.double(), shift.double(), zoom.double(), shear.double())
    return as_before(warped(as_float(x), matrix), x)
