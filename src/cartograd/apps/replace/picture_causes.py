"""What two pictures that should be one look like: other channels, another filter, another cut."""

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from cartograd.core.ports import FITS
from cartograd.data.decode.filters import FILTERS, resized

SAME = 1.5 / 255
"""How far pixels may be apart that were made alike: rounding."""


def swapped(one: Tensor, other: Tensor, /) -> str:
    """Whether red and blue have changed places.

    >>> x = torch.rand(3, 4, 4)
    >>> swapped(x, x.flip(0))
    'red and blue are swapped (RGB and BGR)'
    """
    axis = one.ndim - 3
    if axis < 0 or one.shape != other.shape or one.shape[axis] != 3:
        return ""
    far = (one - other).abs().max()
    if float((one.flip(axis) - other).abs().max()) <= max(SAME, 1e-3 * float(one.abs().max())):
        return "red and blue are swapped (RGB and BGR)" if float(far) > SAME else ""
    return ""


def of_decoding(one: Tensor, other: Tensor, /) -> str:
    """By the pixels as they were decoded."""
    if told := swapped(one, other):
        return told
    if one.ndim != other.ndim:
        return ""
    if one.shape[0] != other.shape[0]:
        return f"{one.shape[0]} channels and {other.shape[0]}: one of them takes grey pictures"
    for turned, told in (
        (one.transpose(-1, -2), "turned"), (one.flip(-1), "mirrored"),
        (one.flip(-2), "upside down"),
        (one.rot90(1, (-2, -1)), "turned"), (one.rot90(-1, (-2, -1)), "turned"),
        (one.rot90(2, (-2, -1)), "turned"),
    ):  # fmt: skip
        if turned.shape == other.shape and float((turned - other).abs().max()) <= SAME:
            return f"one is {told}: the orientation in EXIF is not heeded by both"
    if one.shape == other.shape and float((1 - one - other).abs().max()) <= SAME:
        return "black and white are exchanged"
    return ""


def of_resizing(whole: Tensor | None, one: Tensor, other: Tensor, /) -> str:
    """By trying every way to bring all pixels to B's size."""
    if told := swapped(one, other):
        return told
    if whole is None:
        return "another resize"
    if one.shape != other.shape and one.ndim == other.ndim:
        sizes = " and ".join(f"{x.shape[-1]} x {x.shape[-2]}" for x in (one, other))
        return f"they are brought to other sizes, {sizes}"
    height, width = (int(size) for size in other.shape[-2:])
    pixels = whole.mul(255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    ways = [
        (f"{name}, {fit}", resized(picture, height, width, filter=name, fit=fit))
        for fit in FITS
        for name in FILTERS
    ]
    for mode in ("bilinear", "bicubic"):
        plain = F.interpolate(whole[None], (height, width), mode=mode, align_corners=False)[0]
        ways.append((f"{mode} without antialiasing, stretch", plain.clamp(0, 1)))
    found = [_nearest(ways, x) for x in (one, other)]
    if found[1][1] <= SAME and found[0][1] <= SAME and found[0][0] != found[1][0]:
        return f"another resize: A's is {found[0][0]}, B's is {found[1][0]}"
    if found[1][1] <= SAME:
        return f"another resize: B's is {found[1][0]}"
    return "another resize"


def _nearest(ways: list[tuple[str, Tensor]], wanted: Tensor) -> tuple[str, float]:
    far = [(name, float((made - wanted).abs().max())) for name, made in ways]
    return min(far, key=lambda pair: pair[1])
