"""Pictures from files, bytes or PIL, as pixels of one size."""

import io
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageOps
from torch import Tensor

from cartograd.core.errors import UsageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".webp", ".gif", ".tif", ".tiff")
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM")
"""What Pillow may take a file for, whatever its name: none of these starts another program."""

LARGEST = 150_000_000
"""Pixels that a picture may have; more of them are a bomb, or a map to be cut up first."""

GREY = ("1", "L", "I;16", "I;16B", "I;16L", "I", "F")
"""PIL's modes without colour."""

ORIENTATION = 0x0112
"""EXIF tag: how the camera was held; from 5 on, rows and columns change places."""

WIDEST = 2.0
"""Beyond this ratio of shapes a picture would lose more than half by cropping."""

SMALLEST = 0.25
"""A picture with a side below this share of the wanted one has too little to show."""


def pixels(
    source: Any, /, *, channels: int, height: int, width: int | None, name: str = ""
) -> UInt8[Tensor, "c y x"]:
    """A picture as pixels of the wanted size.

    It is turned as its EXIF orientation says; transparent parts become white; 16 bits become 8;
    colours become grey by ITU-R 601 luma, and grey becomes three equal channels, where the
    model needs it. A picture of another size is scaled (antialiased bilinear) until it just covers
    the wanted size, and the middle is cut out; of a free width it is only scaled.

    Args:
        source: a path, the bytes of a file, an open binary file, or a PIL image.
        channels: 1 (grey) or 3 (red, green, blue).
        height: rows wanted.
        width: columns wanted; None for as many as its shape asks for.
        name: what to call the picture in an error, if not by its path.

    Raises:
        UsageError: no such file, not a readable picture, or one whose size or shape is so
            different that the result could not be right.
    """
    name = name or label(source)
    image = _converted(opened(source, name), channels)
    return _array(_fitted(image, height, width, name), channels)


def label(source: Any, /) -> str:
    """What to call a source in an error."""
    return str(source) if isinstance(source, str | Path) else f"the {type(source).__name__} given"


def header(path: Path, /) -> tuple[tuple[int, int], str]:
    """Columns and rows of a picture as it will be shown, and its PIL mode, without decoding it.

    Raises:
        UsageError: not a readable picture.
    """
    with _named_errors(str(path)), Image.open(path, formats=FORMATS) as image:
        _check_size(image, str(path))
        columns, rows = image.size
        turned = image.getexif().get(ORIENTATION, 1) >= 5
        return ((rows, columns) if turned else (columns, rows)), image.mode


def opened(source: Any, name: str, /) -> Image.Image:
    """The picture, decoded and upright.

    Raises:
        UsageError: no such file, or not a readable picture.
    """
    if isinstance(source, Image.Image):
        return ImageOps.exif_transpose(source)
    if isinstance(source, str | Path) and not Path(source).is_file():
        raise UsageError(f"{name} is missing; expected a picture file")
    data = io.BytesIO(source) if isinstance(source, bytes | bytearray) else source
    with _named_errors(name), Image.open(data, formats=FORMATS) as image:
        _check_size(image, name)
        return ImageOps.exif_transpose(image)


def _check_size(image: Image.Image, name: str) -> None:
    """Before a pixel is decoded."""
    columns, rows = image.size
    if columns * rows > LARGEST:
        raise UsageError(
            f"{name} has {columns} x {rows} pixels; expected at most {LARGEST // 10**6} million: "
            "scale it down or cut it up"
        )


@contextmanager
def _named_errors(name: str) -> Iterator[None]:
    """Whatever Pillow raises for a damaged file, as one error that names it."""
    try:
        yield
    except UsageError:
        raise
    except (
        OSError, SyntaxError, ValueError, EOFError, TypeError, AttributeError, struct.error,
        zlib.error, Image.DecompressionBombError,
    ) as error:  # fmt: skip
        raise UsageError(
            f"{name} is not a readable picture ({_reason(error)}); mend or remove it"
        ) from error


def _reason(error: BaseException) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "no known picture format"
    return str(error) or type(error).__name__


def _converted(image: Image.Image, channels: int) -> Image.Image:
    if channels not in (1, 3):
        raise UsageError(f"channels={channels}: pictures have 1 (grey) or 3 (colour) channels")
    if image.mode.startswith("I;16") or image.mode == "I":
        values = np.asarray(image).astype(np.int64)
        image = Image.fromarray(np.clip((values + 128) // 257, 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("L" if channels == 1 else "RGB")


def _fitted(image: Image.Image, height: int, width: int | None, name: str) -> Image.Image:
    if width is None:
        wide = max(1, math.ceil(image.width * height / image.height))
        return image.resize((wide, height), Image.Resampling.BICUBIC)
    if image.size == (width, height):
        return image
    columns, rows = image.size
    given = f"{name} is {columns} x {rows} pixels; expected about {width} x {height}"
    if min(columns / width, rows / height) < SMALLEST:
        raise UsageError(f"{given}: it is too small to be scaled up; give a larger picture")
    shape = (columns / rows) / (width / height)
    if max(shape, 1 / shape) > WIDEST:
        raise UsageError(f"{given}: its shape is too different; cut out the part that matters")
    return ImageOps.fit(image, (width, height), method=Image.Resampling.BILINEAR)


def _array(image: Image.Image, channels: int) -> UInt8[Tensor, "c y x"]:
    values = np.asarray(image, dtype=np.uint8).reshape(image.height, image.width, channels)
    return torch.from_numpy(values.copy()).permute(2, 0, 1)
