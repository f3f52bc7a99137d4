"""Rotate: each image turned around its centre by a small random angle.

No camera is held quite level. A few degrees are a new view of the same thing; more than that
can turn a 6 into a 9.

    x'(p) = x(R(-a) p),    a uniform in [-degrees, degrees], p from the image's centre

Shapes: images `b c y x`, floats or bytes, kept.

Departures: positive angles turn anticlockwise, as in torchvision. Between pixels the interpolation
is bilinear (torchvision's transform takes the nearest pixel unless told otherwise); what comes in
from outside is black. Bytes are rounded.

References:
    Patrice Simard, Dave Steinkraus, John Platt. Best practices for convolutional neural networks
    applied to visual document analysis. ICDAR 2003. https://doi.org/10.1109/ICDAR.2003.1227801

>>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
>>> rotated(x, torch.tensor([90.0])).round().tolist()[0][0]
[[2.0, 4.0], [1.0, 3.0]]
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.training.augmentation.image.pixels import as_before, as_float
from cartograd.training.augmentation.image.warp import inverse, warped

CARD = Card(
    name="rotate",
    kind="augmentation",
    entry="rotate",
    nodes=("regularize/augmentation-image",),
    title="Random rotation",
    zh="随机旋转",
    paper="Best practices for convolutional neural networks applied to visual document analysis",
    year=2003,
    url="https://doi.org/10.1109/ICDAR.2003.1227801",
    proofs=(
        "oracle: torchvision's rotate with bilinear interpolation, to 1e-10 in float64 and 1e-5 in "
        "float32; bytes to 1 level",
        "law: right angles only exchange pixels",
    ),
    evidence={"regularize/augmentation-image": ("test_equal_to_torchvisions",)},
)

MOVES = True
"""Pixels change their places, and what is known of them goes with them."""


def rotate(
    x: Shaped[Tensor, "b c y x"], rng: CounterRandom, /, *, degrees: float = 15.0
) -> Shaped[Tensor, "b c y x"]:
    """Each image turned by up to `degrees` either way.

    Args:
        x: a batch of images.
        rng: random numbers of each example.
        degrees: largest angle, either way.
    """
    return rotated(x, rng.between(-degrees, degrees))


def rotated(
    x: Shaped[Tensor, "b c y x"], angle: Float[Tensor, " b"], /
) -> Shaped[Tensor, "b c y x"]:
    """Each image turned anticlockwise by its angle in degrees."""
    angle = angle.double()
    none = torch.zeros(len(angle), 2, dtype=torch.float64)
    matrix = inverse(-angle, none, torch.ones_like(angle), none)
    return as_before(warped(as_float(x), matrix), x)
