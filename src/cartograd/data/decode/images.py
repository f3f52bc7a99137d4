"""Pictures from files, bytes or PIL, as pixels of one size."""

import io
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps

from cartograd.core import arrays
from cartograd.core.arrays import Tensor
from cartograd.core.errors import UsageError
from cartograd.core.ports import FITS
from cartograd.data.decode.levels import ORIENTATION, is_deep, numbers, planes

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".webp", ".gif", ".tif", ".tiff")
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM")
"""What Pillow may take a file for, whatever its name: none of these starts another program."""

FILMS = ("GIF", "WEBP", "PNG", "TIFF")
"""Formats of which a file may hold several pictures, one after the other."""

LARGEST = 150_000_000
"""Pixels that a picture may have; more of them are a bomb, or a map to be cut up first."""

GREY = ("1", "L", "I;16", "I;16B", "I;16L", "I", "F")
"""PIL's modes without colour."""

HALF = 0.5
"""A picture of which less is left by cropping is pointed out."""


class Header(NamedTuple):
    """What is known of a picture without decoding it.

    Attributes:
        size: columns and rows as it will be shown.
        colour: whether it may have any.
        deep: whether it has more than 8 bits.
        clear: whether parts of it may be transparent.
        frames: how many pictures its file holds, of which the first is read.
    """

    size: tuple[int, int]
    colour: bool
    deep: bool
    clear: bool
    frames: int


def pixels(
    source: Any,
    /,
    *,
    channels: int,
    height: int,
    width: int | None,
    fit: str = "crop",
    bits: int = 16,
    name: str = "",
    notes: list[str] | None = None,
) -> UInt8[Tensor, "c y x"] | Float[Tensor, "c y x"]:
    """A picture as pixels of the wanted size: 0 to 255, or 0 to 1 if it has more than 8 bits.

    It is turned as its EXIF orientation says; transparent parts become white; colours become grey
    by ITU-R 601 luma, and grey becomes three equal channels, where the model needs it. A picture
    of another size is scaled (antialiased bilinear); of a free width it is only scaled.

    Args:
        source: a path, the bytes of a file, an open binary file, or a PIL image.
        channels: 1 (grey) or 3 (red, green, blue).
        height: rows wanted.
        width: columns wanted; None for as many as its shape asks for.
        fit: what is done where the shape differs. `crop` scales until the wanted size is just
            covered, and cuts out the middle; `pad` scales until the whole fits in, with black
            beside it, `pad-white` with white; `stretch` changes the shape.
        bits: of pictures with more than 8: 2^bits - 1 is white.
        name: what to call the picture in an error, if not by its path.
        notes: a list that gets a line where less than half of the picture is left by cropping, or
            where its file holds further ones.

    Raises:
        UsageError: no such file, not a readable picture, or one that is brighter than white.
    """
    name = name or label(source)
    if channels not in (1, 3):
        raise UsageError(f"channels={channels}: pictures have 1 (grey) or 3 (colour) channels")
    given = _contents(source, name)
    with opened(given, name) as image:
        if notes is not None and (frames := _frames(image)) > 1:
            notes.append(f"{name} holds {frames} pictures: the first is looked at")
        if is_deep(image):
            values = numbers(image, given, FORMATS, name)
            _check_white(values, bits, name)
            parts, white = planes(values, channels), float(2**bits - 1)
        else:
            parts, white = [_converted(ImageOps.exif_transpose(image), channels)], None
    if notes is not None and width is not None and left(parts[0].size, height, width, fit) < HALF:
        notes.append(
            f"{name} is {parts[0].width} x {parts[0].height} pixels: only the middle, "
            f"{left(parts[0].size, height, width, fit):.0%}, is looked at (fit=crop)"
        )
    if white is None:
        return _array(_fitted(parts[0], height, width, fit), channels)
    rows = [np.asarray(_fitted(part, height, width, fit)) for part in parts]
    return arrays.of(np.clip(np.stack(rows) / np.float32(white), 0, 1))


def left(size: tuple[int, int], height: int, width: int, fit: str, /) -> float:
    """The share of a picture of so many columns and rows that is looked at.

    >>> left((200, 50), 32, 32, "crop"), left((200, 50), 32, 32, "pad")
    (0.25, 1.0)
    """
    shape = (size[0] / size[1]) / (width / height)
    return min(shape, 1 / shape) if fit == "crop" else 1.0


def largest(path: Path, /) -> float:
    """The largest number in a picture of more than 8 bits.

    Raises:
        UsageError: not a readable picture.
    """
    with opened(str(path), str(path)) as image:
        return float(numbers(image, str(path), FORMATS, str(path)).max())


def label(source: Any, /) -> str:
    """What to call a source in an error."""
    return str(source) if isinstance(source, str | Path) else f"the {type(source).__name__} given"


def header(source: str | Path | bytes, /) -> Header:
    """Size and kind of a picture, without decoding it.

    Raises:
        UsageError: not a readable picture.
    """
    name = label(source)
    with opened(source if isinstance(source, bytes) else str(source), name) as image:
        (columns, rows), deep = image.size, is_deep(image)
        turned = image.getexif().get(ORIENTATION, 1) >= 5
        size = (rows, columns) if turned else (columns, rows)
        clear, frames = image.has_transparency_data, _frames(image)
        return Header(size, image.mode not in GREY, deep, clear, frames)


def _frames(image: Image.Image) -> int:
    """How many pictures a file holds: those of a film, or pages; a camera's previews are none."""
    film: Any = image  # only the classes of these formats count their pictures
    return film.n_frames if image.format in FILMS else 1


def _contents(source: Any, name: str) -> Any:
    """What can be opened twice: a path, a picture in memory, or all bytes."""
    if isinstance(source, str | Path):
        if not Path(source).is_file():
            raise UsageError(f"{name} is missing; expected a picture file")
        return str(source)
    if isinstance(source, Image.Image | bytes | bytearray):
        return source
    return source.read()


@contextmanager
def opened(given: Any, name: str) -> Iterator[Image.Image]:
    """The picture, not yet decoded; whatever goes wrong with it names it."""
    if isinstance(given, Image.Image):
        yield given.copy()
        return
    data = io.BytesIO(given) if isinstance(given, bytes | bytearray) else given
    with _named_errors(name), Image.open(data, formats=FORMATS) as image:
        _check_size(image, name)
        yield image


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
    except MemoryError as error:
        raise UsageError(
            f"{name} takes more memory than there is once it is decoded; scale it down or cut it up"
        ) from error
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


def _check_white(values: np.ndarray, bits: int, name: str) -> None:
    if values.max(initial=0) >= 2**bits:
        raise UsageError(
            f"{name} has numbers up to {values.max():g}; the model's pictures of more than 8 bits "
            f"have at most {2**bits - 1} ({bits} bits): train it with bits=16, or scale the picture"
        )


def _converted(image: Image.Image, channels: int) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("L" if channels == 1 else "RGB")


def _fitted(image: Image.Image, height: int, width: int | None, fit: str) -> Image.Image:
    if width is None:
        wide = max(1, math.ceil(image.width * height / image.height))
        return image.resize((wide, height), Image.Resampling.BICUBIC)
    if image.size == (width, height):
        return image
    if fit == "crop":
        return ImageOps.fit(image, (width, height), method=Image.Resampling.BILINEAR)
    if fit == "stretch":
        return image.resize((width, height), Image.Resampling.BILINEAR)
    assert fit in ("pad", "pad-white"), FITS
    shape = image.width / image.height
    if shape > width / height:
        inner = width, max(1, round(image.height / image.width * width))
    else:
        inner = max(1, round(shape * height)), height
    white = "white" if image.mode in ("L", "RGB") else 65535.0
    padded = Image.new(image.mode, (width, height), white if fit == "pad-white" else 0)
    corner = round((width - inner[0]) * 0.5), round((height - inner[1]) * 0.5)
    padded.paste(image.resize(inner, Image.Resampling.BILINEAR), corner)
    return padded


def _array(image: Image.Image, channels: int) -> UInt8[Tensor, "c y x"]:
    values = np.asarray(image, dtype=np.uint8).reshape(image.height, image.width, channels)
    return arrays.of(values.transpose(2, 0, 1).copy())
