"""Whether the size of an attack is probably meant in another unit."""

import math

from torch import Tensor

from cartograd.core.ports import Port

LEVELS = 255


def range_of(x: Tensor, /) -> tuple[float, float]:
    """The least and the largest number of examples, in few digits, and outwards: a range of all.

    >>> import torch
    >>> range_of(torch.tensor([0.123456789, 4254.1234]))
    (0.1, 4254.2)
    """
    low, high = float(x.min()), float(x.max())
    digits = 4 - math.floor(math.log10(high - low)) if high > low else 6
    unit = 10.0**-digits
    down, up = math.floor(low / unit), math.ceil(high / unit)
    return round(down * unit, max(0, digits)), round(up * unit, max(0, digits))


def size_notes(eps: float, norm: str, port: Port, numbers: int, /) -> list[str]:
    """A line for a size as wide as all valid inputs, or smaller than a level of grey.

    Args:
        eps: in the units of the port.
        norm: what it measures.
        port: of the inputs.
        numbers: how many an input has.

    >>> pixels = Port("image", "image", (1, 8, 8), bounds=(0.0, 1.0))
    >>> size_notes(8, "linf", pixels, 64)
    ['eps=8 is as wide as all valid inputs (0 to 1); was 8/255 = 0.03137 meant?']
    >>> size_notes(0.03, "linf", pixels, 64)
    []
    """
    if port.bounds is None:
        return []
    low, high = port.bounds
    width = (high - low) * (math.sqrt(numbers) if norm == "l2" else 1)
    grey = port.kind == "image"
    if eps >= width:
        meant = f"; was {eps:g}/255 = {eps / LEVELS:.4g} meant?" if grey and width <= 4 else ""
        return [f"eps={eps:g} is as wide as all valid inputs ({low:g} to {high:g}){meant}"]
    if grey and high - low >= LEVELS and 0 < eps < 1:
        return [
            f"eps={eps:g} is less than a level of grey, as pixels are from {low:g} to {high:g}; "
            f"was {eps:g} * 255 = {eps * LEVELS:.4g} meant?"
        ]
    return []
