"""Resized crop: a random part of the image, enlarged to its full size.

The model sees things at many sizes and often only in part, and learns from whatever part there is.
It is the augmentation behind most of what was trained on ImageNet since 2014.

    x' = resize(x[top : top + h, left : left + w]),    h w = a * area, w / h = r,
    a uniform in `scale`, log r uniform in the logs of `ratio`

Shapes: images `b c y x`, floats or bytes, kept.

Departures: a rectangle that does not fit has its longer side cut to the image, where torchvision
draws up to ten times and then takes the middle; so every image costs one sample. Interpolation is
bilinear with antialiasing, as torchvision's default. Bytes are rounded.

References:
    Christian Szegedy et al. Going deeper with convolutions. CVPR 2015.
    https://arxiv.org/abs/1409.4842

>>> import torch
>>> x = torch.rand(2, 1, 6, 6)
>>> resized_crop(x, CounterRandom(torch.arange(2))).shape
torch.Size([2, 1, 6, 6])
"""

import math

from jaxtyping import Int, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.training.augmentation.image.pixels import as_before, as_float
from cartograd.training.augmentation.image.resample import resizing, separable

CARD = Card(
    name="resized-crop",
    kind="augmentation",
    entry="resized_crop",
    nodes=("regularize/augmentation-image",),
    title="Random resized crop",
    zh="随机裁剪并缩放",
    paper="Going deeper with convolutions",
    year=2015,
    url="https://arxiv.org/abs/1409.4842",
    proofs=(
        "oracle: torchvision's resized_crop of the same rectangles with antialiasing, to 1e-5 in "
        "float32 and 1e-10 in float64; bytes to 1 level",
        "law: the whole image stays itself",
        "law: rectangles lie in the image; their areas and ratios are those asked for where they "
        "fit",
    ),
    evidence={"regularize/augmentation-image": ("test_equal_to_torchvisions",)},
    renamed={"area": "scale"},
)

MOVES = True
"""Pixels change their places, and what is known of them goes with them."""


def resized_crop(
    x: Shaped[Tensor, "b c y x"],
    rng: CounterRandom,
    /,
    *,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Shaped[Tensor, "b c y x"]:
    """A part of each image, of a share `scale` of it and sides of `ratio`, at the image's size.

    Args:
        x: a batch of images.
        rng: random numbers of each example.
        scale: smallest and largest share of the image that is cut out.
        ratio: smallest and largest width of the cut, in units of its height.
    """
    return resized(x, *rectangles(rng, x.shape[2], x.shape[3], scale=scale, ratio=ratio))


def rectangles(
    rng: CounterRandom, height: int, width: int, /, *, scale: tuple[float, float],
    ratio: tuple[float, float],
) -> tuple[Int[Tensor, " b"], ...]:  # fmt: skip
    """Top, left, height and width of a rectangle for each image, in whole pixels."""
    size, shape, down, across = rng.uniform(4).unbind(1)
    covered = height * width * (scale[0] + (scale[1] - scale[0]) * size)
    low, high = math.log(ratio[0]), math.log(ratio[1])
    shape = (low + (high - low) * shape).exp()
    tall = (covered / shape).sqrt().round().clamp(1, height).long()
    wide = (covered * shape).sqrt().round().clamp(1, width).long()
    top = (down * (height - tall + 1)).long()
    left = (across * (width - wide + 1)).long()
    return top, left, tall, wide


def resized(
    x: Shaped[Tensor, "b c y x"],
    top: Int[Tensor, " b"],
    left: Int[Tensor, " b"],
    height: Int[Tensor, " b"],
    width: Int[Tensor, " b"],
    /,
) -> Shaped[Tensor, "b c y x"]:
    """The rectangle of each image enlarged or reduced to the image's size."""
    pixels = as_float(x)
    down = resizing(top.double(), height.double(), x.shape[2], x.shape[2]).to(pixels)
    across = resizing(left.double(), width.double(), x.shape[3], x.shape[3]).to(pixels)
    return as_before(separable(pixels, down, across), x)
