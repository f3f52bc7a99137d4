"""Colour jitter: each image lighter or darker, harder or softer, more or less colourful.

The light changes and things stay what they are. Amounts are drawn around 1, so that an image is as
often changed one way as the other.

    x' = hue(saturation(contrast(brightness(x)))),    factors uniform in [1 - a, 1 + a] (from 0),
    the hue turned by a share of the colour circle in [-a, a]

Shapes: images `b c y x`, floats or bytes, kept; grey ones have no saturation and no hue.

Departures: always in this order, where torchvision shuffles the four for each image; a fixed order
lets a batch go through each of them at once. Bytes are rounded once at the end, where torchvision
cuts off after each step.

References:
    Andrew G. Howard. Some improvements on deep convolutional neural network based image
    classification. 2013. https://arxiv.org/abs/1312.5402

>>> import torch
>>> x = torch.rand(2, 3, 4, 4)
>>> nothing = dict(brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)
>>> torch.allclose(jitter(x, CounterRandom(torch.arange(2)), **nothing), x, atol=1e-6)
True
"""

from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.training.augmentation.image import colour
from cartograd.training.augmentation.image.pixels import as_before, as_float

CARD = Card(
    name="jitter",
    kind="augmentation",
    entry="jitter",
    nodes=("regularize/augmentation-image",),
    title="Colour jitter",
    zh="颜色抖动",
    paper="Some improvements on deep convolutional neural network based image classification",
    year=2013,
    url="https://arxiv.org/abs/1312.5402",
    proofs=(
        "oracle: torchvision's adjust_brightness, _contrast, _saturation and _hue one after "
        "another, to 1e-5 in float32 (its hue is float32); bytes to 4 levels, one for each time "
        "it cuts off",
        "law: factors of 1 and a turn of 0 change nothing; a full turn of the hue is none",
    ),
    evidence={"regularize/augmentation-image": ("test_equal_to_torchvisions",)},
)

MOVES = False
"""Pixels stay in their places, and so does what is known of them."""


def jitter(
    x: Shaped[Tensor, "b c y x"],
    rng: CounterRandom,
    /,
    *,
    brightness: float = 0.4,
    contrast: float = 0.4,
    saturation: float = 0.4,
    hue: float = 0.1,
) -> Shaped[Tensor, "b c y x"]:
    """Each image with its brightness, contrast, saturation and hue changed by up to these.

    Args:
        x: a batch of images.
        rng: random numbers of each example.
        brightness: how far the factor on the pixels may be from 1.
        contrast: how far the factor on the distance from the mean grey may be from 1.
        saturation: how far the factor on the distance from the grey version may be from 1.
        hue: largest turn of the colours, as a share of the colour circle.
    """
    unit = (2 * rng.uniform(4) - 1).unbind(1)

    def factor(amount: float, by: Tensor) -> Tensor | None:
        return None if amount == 0 else (1 + amount * by).clamp_min(0)

    return jittered(
        x,
        factor(brightness, unit[0]),
        factor(contrast, unit[1]),
        factor(saturation, unit[2]),
        None if hue == 0 else hue * unit[3],
    )


def jittered(
    x: Shaped[Tensor, "b c y x"],
    brightness: Float[Tensor, " b"] | None,
    contrast: Float[Tensor, " b"] | None,
    saturation: Float[Tensor, " b"] | None,
    hue: Float[Tensor, " b"] | None,
    /,
) -> Shaped[Tensor, "b c y x"]:
    """Each image changed by its factors, and by its turn of the hue; None leaves a step out."""
    pixels = as_float(x)
    for change, amount in (
        (colour.brightness, brightness),
        (colour.contrast, contrast),
        (colour.saturation, saturation),
        (colour.hue, hue),
    ):
        pixels = pixels if amount is None else change(pixels, amount)
    return as_before(pixels, x)
