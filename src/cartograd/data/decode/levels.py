"""Pictures of more than 8 bits: their numbers as they stand, and what is white among them.

A camera's or a scanner's 10, 12 or 14 bits lie in files of 16, mostly without a word on how many
are used. So a model's port says it (`bits`): 2^bits - 1 is white, in training and ever after.

References:
    Portable Network Graphics, third edition, 12.4 (samples of other depths). W3C 2025.
    https://www.w3.org/TR/png-3/
"""

import io
import sys
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageFile, ImageOps

from cartograd.core.errors import UsageError

DEPTHS = (8, 10, 12, 14, 16)
"""Bits that the numbers in a file of 16 may use."""

ORIENTATION = 0x0112
"""EXIF tag: how the camera was held; from 5 on, rows and columns change places."""

LUMA = np.array([0.299, 0.587, 0.114])
"""Red, green and blue in grey, ITU-R 601."""


def is_deep(image: Image.Image, /) -> bool:
    """Whether there are more than 8 bits to read; of grey with transparency Pillow keeps 8."""
    return image.mode[0] in "IF" or _coded(image).startswith(("RGB;16", "RGBA;16"))


def depth(largest: float, /) -> int:
    """The bits that numbers up to this one use.

    >>> depth(3886), depth(255), depth(65535)
    (12, 8, 16)
    """
    return next(bits for bits in DEPTHS if largest < 2**bits or bits == DEPTHS[-1])


def numbers(
    image: Image.Image, source: Any, formats: tuple[str, ...], name: str, /
) -> Float[np.ndarray, "y x c"]:
    """A picture's numbers as its file has them, upright: grey, or red, green and blue.

    Numbers with a point (0 to 1) come as of 16 bits. What is transparent becomes white.

    Args:
        image: the picture, opened and not yet decoded.
        source: what it was opened from.
        formats: that Pillow may take it for.
        name: what to call it in an error.

    Raises:
        UsageError: numbers below 0, or beyond 16 bits.
    """
    coded = _coded(image)  # before the orientation, for which a PNG is decoded
    turned = image.getexif().get(ORIENTATION, 1)
    values = np.asarray(image, dtype=np.float64)
    if image.mode in ("RGB", "RGBA"):
        values = 256 * values + _low(source, coded, formats)
    if image.mode == "F":
        values = values * 65535
    _check(values, name, pointed=image.mode == "F")
    values = values.reshape(*values.shape[:2], -1)
    if values.shape[2] == 4:
        clear = values[..., 3:] / 65535
        values = values[..., :3] * clear + 65535 * (1 - clear)
    return np.stack([_upright(plane, turned) for plane in np.moveaxis(values, 2, 0)], axis=2)


def planes(values: Float[np.ndarray, "y x c"], channels: int, /) -> list[Image.Image]:
    """Each channel as a picture of its own: colours become grey, or grey three equal ones."""
    if channels == 1 and values.shape[2] == 3:
        values = values @ LUMA[:, None]
    own = [Image.fromarray(plane.astype(np.float32)) for plane in np.moveaxis(values, 2, 0)]
    return own if len(own) == channels else own * channels


def _coded(image: Image.Image) -> str:
    """How the file writes a pixel, in Pillow's words, such as `RGB;16B`."""
    tiles: Any = image.tile if isinstance(image, ImageFile.ImageFile) else ()
    args = tiles[0][3] if tiles else ""
    return str(args[0] if isinstance(args, tuple) and args else args)


def _low(source: Any, coded: str, formats: tuple[str, ...]) -> np.ndarray:
    """The lower bytes of 16 bits of colour, of which Pillow keeps the upper ones.

    Read in the other order of bytes, the lower ones are the upper ones.
    """
    little = coded[-1] == "L" or (coded[-1] == "N" and sys.byteorder == "little")
    swapped = coded[:-1] + ("B" if little else "L")
    data = io.BytesIO(source) if isinstance(source, bytes | bytearray) else source
    with Image.open(data, formats=formats) as image:
        tiles: Any = image.tile
        image.tile = [
            tile._replace(args=(swapped, *tile.args[1:]) if tile.args != coded else swapped)
            for tile in tiles
        ]
        return np.asarray(image, dtype=np.float64)


def _check(values: np.ndarray, name: str, *, pointed: bool) -> None:
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    if not (np.isfinite(values).all() and low >= 0 and high <= 65535):
        scale = 65535 if pointed else 1
        wanted = "0 to 1 of numbers with a point" if pointed else "0 to 65535"
        raise UsageError(
            f"{name} holds numbers from {low / scale:g} to {high / scale:g}; expected {wanted}"
        )


def _upright(plane: np.ndarray, turned: int) -> np.ndarray:
    image = Image.fromarray(plane.astype(np.float32))
    image.getexif()[ORIENTATION] = turned
    return np.asarray(ImageOps.exif_transpose(image))
