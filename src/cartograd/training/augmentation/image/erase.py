"""Erase: a random rectangle of the image painted over.

The model cannot lean on one part of a thing, since that part may be missing. Cutout is the same
with a square of one size.

    x' = value inside of a rectangle, x outside, with probability p;
    its area uniform in `scale` (of the image's), the log of its width / height in that of `ratio`

Shapes: images `b c y x`, floats or bytes, kept.

Departures: a rectangle that does not fit is cut to the image, where the authors draw anew. It is
painted black (the authors' best, random noise, gains little over it).

References:
    Zhun Zhong, Liang Zheng, Guoliang Kang, Shaozi Li, Yi Yang. Random erasing data augmentation.
    AAAI 2020. https://arxiv.org/abs/1708.04896

>>> x = torch.ones(1, 1, 3, 3)
>>> box = [torch.tensor([n]) for n in (0, 1, 2, 1)]
>>> erased(x, *box).tolist()[0][0]
[[1.0, 0.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]]
"""

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.training.augmentation.image.resized_crop import rectangles

CARD = Card(
    name="erase",
    kind="augmentation",
    entry="erase",
    nodes=("regularize/augmentation-image",),
    title="Random erasing",
    zh="随机擦除",
    paper="Random erasing data augmentation",
    year=2020,
    url="https://arxiv.org/abs/1708.04896",
    proofs=(
        "oracle: torchvision's erase of the same rectangles, exactly",
        "law: as often as the probability says; the rest of the image stays",
    ),
    evidence={"regularize/augmentation-image": ("test_equal_to_torchvisions",)},
    renamed={"probability": "p", "area": "scale"},
)

MOVES = False
"""Pixels stay in their places, and so does what is known of them."""


def erase(
    x: Shaped[Tensor, "b c y x"],
    rng: CounterRandom,
    /,
    *,
    p: float = 0.5,
    scale: tuple[float, float] = (0.02, 0.33),
    ratio: tuple[float, float] = (0.3, 3.3),
) -> Shaped[Tensor, "b c y x"]:
    """Some of the images with a black rectangle.

    Args:
        x: a batch of images.
        rng: random numbers of each example.
        p: how often an image loses a rectangle.
        scale: smallest and largest share of the image that the rectangle covers.
        ratio: smallest and largest width of the rectangle, in units of its height.
    """
    rows = rng.happens(p)
    top, left, height, width = rectangles(rng, x.shape[2], x.shape[3], scale=scale, ratio=ratio)
    return erased(x, top, left, height * rows, width * rows)


def erased(
    x: Shaped[Tensor, "b c y x"],
    top: Int[Tensor, " b"],
    left: Int[Tensor, " b"],
    height: Int[Tensor, " b"],
    width: Int[Tensor, " b"],
    /,
) -> Shaped[Tensor, "b c y x"]:
    """Each image with its rectangle black; one of height or width 0 is none."""

    def covered(size: int, start: Tensor, length: Tensor) -> Tensor:
        pixel, start = torch.arange(size), start[:, None]
        return (pixel >= start) & (pixel < start + length[:, None])

    rows, columns = covered(x.shape[2], top, height), covered(x.shape[3], left, width)
    inside = rows[:, None, :, None] & columns[:, None, None, :]
    return x.masked_fill(inside.to(x.device), 0)
