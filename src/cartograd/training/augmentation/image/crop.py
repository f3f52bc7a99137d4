"""Crop: the image moved by a few pixels, over a border that is added first.

Where a thing stands in its picture says little about what it is. Shifts teach that to layers which
do not know it by themselves, and they keep every pixel sharp: nothing is interpolated.

    x' = padded(x)[top : top + y, left : left + x],    top, left uniform in 0 .. 2 padding

Shapes: images `b c y x`, floats or bytes, kept.

Departures: none; the size stays, as models are built for one size.

References:
    Chen-Yu Lee et al. Deeply-supervised nets. AISTATS 2015 (the padding of 4 on CIFAR-10).
    https://arxiv.org/abs/1409.5185

>>> x = torch.arange(9.0).reshape(1, 1, 3, 3)
>>> cropped(x, torch.tensor([2]), torch.tensor([1]), padding=1).tolist()[0][0]
[[3.0, 4.0, 5.0], [6.0, 7.0, 8.0], [0.0, 0.0, 0.0]]
"""

import torch
from jaxtyping import Int, Shaped
from torch import Tensor
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.data.dataset.counter_random import CounterRandom

CARD = Card(
    name="crop",
    kind="augmentation",
    entry="crop",
    nodes=("regularize/augmentation-image",),
    title="Random crop of a padded image",
    zh="随机裁剪（先填充）",
    paper="Deeply-supervised nets",
    year=2015,
    url="https://arxiv.org/abs/1409.5185",
    proofs=(
        "oracle: torchvision's pad and crop with the same places, exactly, for each border",
        "law: a crop at the padding is the image itself",
    ),
    evidence={"regularize/augmentation-image": ("test_equal_to_torchvisions",)},
    tiny={"padding": 2},
    renamed={"border": "padding_mode"},
)

MOVES = True
"""Pixels change their places, and what is known of them goes with them."""

BORDERS = ("zeros", "reflect", "edge")


def crop(
    x: Shaped[Tensor, "b c y x"],
    rng: CounterRandom,
    /,
    *,
    padding: int = 4,
    padding_mode: str = "zeros",
) -> Shaped[Tensor, "b c y x"]:
    """Each image moved by up to `padding` pixels; what comes in is black, mirrored, or repeated.

    Args:
        x: a batch of images.
        rng: random numbers of each example.
        padding: pixels that are added on each side before the cut.
        padding_mode: what the added pixels are: zeros, reflect (the mirror image) or edge.

    Raises:
        UsageError: an unknown border, or one wider than the image can be mirrored.
    """
    top, left = (rng.uniform(2) * (2 * padding + 1)).long().unbind(1)
    return cropped(x, top, left, padding=padding, padding_mode=padding_mode)


def cropped(
    x: Shaped[Tensor, "b c y x"],
    top: Int[Tensor, " b"],
    left: Int[Tensor, " b"],
    /,
    *,
    padding: int,
    padding_mode: str = "zeros",
) -> Shaped[Tensor, "b c y x"]:
    """The part of each padded image whose upper left corner is at (top, left)."""
    height, width = x.shape[2:]
    # A view with every part that could be chosen; choosing is one gather.
    parts = padded(x, padding, padding_mode).unfold(2, height, 1).unfold(3, width, 1)
    rows = torch.arange(len(x), device=x.device)
    return parts[rows, :, top.to(x.device), left.to(x.device)]


def padded(x: Shaped[Tensor, "b c y x"], padding: int, padding_mode: str, /) -> Tensor:
    """The images with a border on each side."""
    if padding_mode not in BORDERS:
        raise unknown("padding_mode of crop", padding_mode, BORDERS)
    if padding_mode == "zeros":
        return F.pad(x, (padding,) * 4)
    for axis in (2, 3):
        size = x.shape[axis]
        if padding_mode == "reflect" and padding >= size:
            raise UsageError(
                f"crop: padding={padding} cannot be mirrored from {size} pixels; expected at most "
                f"{size - 1}, or padding_mode=edge"
            )
        index = torch.arange(-padding, size + padding, device=x.device)
        if padding_mode == "reflect":
            index = (size - 1) - (index.abs() - (size - 1)).abs()
        x = x.index_select(axis, index.clamp(0, size - 1))
    return x
