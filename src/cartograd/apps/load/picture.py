"""A picture in a file as one of those that a model knows: of its size, in the units of its port."""

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.data.decode.images import header, pixels


def picture(path: Path, port: Port, /) -> Float[Tensor, "c y x"]:
    """A picture of the model's size in the units of its port; it is not scaled.

    Raises:
        UsageError: it is of another size, or has colours that the model does not know.
    """
    shown = colours(path, port)
    if port.dims[0] == 1:
        if not bool((shown == shown[:1]).all()):
            raise UsageError(
                f"{path} has colours, and the model's pictures are greys; save it as a picture of "
                "greys"
            )
        shown = shown[:1]
    low, high = port.bounds or (0.0, 1.0)
    return low + shown * (high - low)


def colours(path: Path, port: Port, /) -> Float[Tensor, "3 y x"]:
    """A file's colours from 0 to 1.

    Raises:
        UsageError: it is of another size, transparent, or no picture.
    """
    if not path.is_file():
        raise UsageError(f"{path} is missing; expected a picture file")
    _, rows, columns = port.dims
    about = header(path)
    wide, high = about.size
    if (isinstance(columns, int) and wide != columns) or (isinstance(rows, int) and high != rows):
        raise UsageError(
            f"{path} has {wide} x {high} pixels; the model's pictures have {columns} x {rows}: "
            "scale it first"
        )
    if about.clear:
        raise UsageError(f"{path} has transparent parts; save it without")
    shown = pixels(path, channels=3, height=high, width=wide)
    return shown / 255 if shown.dtype == torch.uint8 else shown
