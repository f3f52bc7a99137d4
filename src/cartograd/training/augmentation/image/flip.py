"""Flip: some of the images as in a mirror.

Most things remain what they are when left and right change places, so a mirrored image is a new
example for nothing. Where that is not so (text, digits, roads), it does harm.

    x'[y, x] = x[y, width - 1 - x] with probability p, else x

Shapes: images `b c y x`, floats or bytes, kept.

Departures: none; pixels only change their places, so bytes stay exact.

References:
    Alex Krizhevsky, Ilya Sutskever, Geoffrey Hinton. ImageNet classification with deep
    convolutional neural networks. NIPS 2012.
    https://papers.nips.cc/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html

>>> import torch
>>> x = torch.arange(3.0).reshape(1, 1, 1, 3)
>>> flip(x, CounterRandom(torch.tensor([0])), p=1.0).flatten().tolist()
[2.0, 1.0, 0.0]
"""

from jaxtyping import Bool, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import unknown
from cartograd.data.dataset.counter_random import CounterRandom

CARD = Card(
    name="flip",
    kind="augmentation",
    entry="flip",
    nodes=("regularize/augmentation-image",),
    title="Random flip",
    zh="随机翻转",
    paper="ImageNet classification with deep convolutional neural networks",
    year=2012,
    url="https://papers.nips.cc/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html",
    proofs=(
        "oracle: torchvision's horizontal_flip and vertical_flip of the same images, exactly",
        "law: twice is nothing; as often as the probability says",
    ),
    evidence={"regularize/augmentation-image": ("test_equal_to_torchvisions",)},
    renamed={"probability": "p"},
)

MOVES = True
"""Pixels change their places, and what is known of them goes with them."""

AXES = {"horizontal": 3, "vertical": 2}


def flip(
    x: Shaped[Tensor, "b c y x"],
    rng: CounterRandom,
    /,
    *,
    axis: str = "horizontal",
    p: float = 0.5,
) -> Shaped[Tensor, "b c y x"]:
    """Some of the images with left and right (or top and bottom, `axis=vertical`) exchanged.

    Args:
        x: a batch of images.
        rng: random numbers of each example.
        axis: horizontal (left and right change places) or vertical.
        p: how often an image is mirrored.

    Raises:
        UsageError: no such axis.
    """
    if axis not in AXES:
        raise unknown("axis of flip", axis, AXES)
    return flipped(x, rng.happens(p), axis=axis)


def flipped(
    x: Shaped[Tensor, "b c y x"], chosen: Bool[Tensor, " b"], /, *, axis: str = "horizontal"
) -> Shaped[Tensor, "b c y x"]:
    """The chosen images mirrored."""
    rows = chosen.nonzero()[:, 0].to(x.device)
    return x.index_copy(0, rows, x.index_select(0, rows).flip(AXES[axis]))
