"""Tensors as small pictures inside of a page: a PNG in a data URI, no file beside it."""

import base64
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from cartograd.apps.report.theme import BLUE, RED
from cartograd.core.ports import Port

_LARGEST = 256


@dataclass(frozen=True)
class Picture:
    """A picture as an HTML `<img>` needs it.

    Attributes:
        uri: the PNG as a data URI.
        alt: what it shows, in words.
        label: a word or two written under it.
        signed: whether its colours stand for signs, and may be lightened on a dark page.
    """

    uri: str
    alt: str
    label: str = ""
    signed: bool = False


def image(x: Float[Tensor, "c y x"], port: Port, /, *, alt: str, label: str = "") -> Picture:
    """An input image as it is, its bounds stretched over black to white."""
    return Picture(_uri(shades(x, port)), alt, label)


def shades(x: Float[Tensor, "c y x"], port: Port, /) -> UInt8[np.ndarray, "y x c"]:
    """An input image as bytes: its bounds become 0 and 255; one channel or three."""
    low, high = port.bounds or (float(x.min()), float(x.max()))
    pixels = (x.double().cpu().numpy() - low) / max(high - low, 1e-12)
    pixels = np.moveaxis(pixels, 0, -1)
    shown = pixels if pixels.shape[-1] == 3 else pixels.mean(-1, keepdims=True)
    return (255 * shown.clip(0, 1)).round().astype(np.uint8)


def signed(
    x: Float[Tensor, "c y x"], /, *, alt: str, label: str = "", limit: float | None = None
) -> Picture:
    """Numbers around zero: red above, blue below, transparent at zero.

    Args:
        x: summed over the channels.
        alt: what it shows, in words.
        label: a word or two written under it.
        limit: the size drawn in full colour; by default the 99th percentile of the sizes.
    """
    values = x.double().cpu().numpy().sum(0)
    limit = limit or float(np.percentile(np.abs(values), 99)) or 1.0
    pixels = np.zeros((*values.shape, 4), np.uint8)
    for colour, where in ((RED, values > 0), (BLUE, values < 0)):
        pixels[where, :3] = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    pixels[..., 3] = (255 * (np.abs(values) / limit).clip(0, 1) ** 0.7).round()
    return Picture(_uri(pixels), alt, label, signed=True)


def png(pixels: UInt8[np.ndarray, "y x c"], /, *, most: int | None = None) -> bytes:
    """Bytes as a PNG file, made smaller if a side is longer than `most`."""
    from PIL import Image

    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    if most is not None:
        picture.thumbnail((most, most))
    buffer = BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _uri(pixels: np.ndarray) -> str:
    return "data:image/png;base64," + base64.b64encode(png(pixels, most=_LARGEST)).decode()
