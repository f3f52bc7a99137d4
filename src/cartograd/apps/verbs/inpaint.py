"""Inpaint: make up a part of a picture in a file, where a mask in another file is white."""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from cartograd.apps.load.target import Target
from cartograd.apps.verbs.generative_model import Generative
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.data.decode.images import header, pixels

WHITE = 128
"""Of 255: a mask is white from here on."""


def inpaint(
    target: Target, picture: str | Path, mask: str | Path, /, *, count: int = 1, **options: Any
) -> Float[Tensor, "b c y x"]:
    """Pictures that are the given one where the mask is black, and made up where it is white.

    Args:
        target: a generative model of pictures with a signature, a run, a bundle, or its path.
        picture: a file with a picture of the model's size, which is not scaled.
        mask: a file with one of the same size.
        count: how many ways to fill it.
        **options: `condition` and `seed` of `Generative.inpaint`.

    Returns:
        The pictures in the units of the model's port; what was known is equal to the bit.

    Raises:
        NotSupported: the model cannot, or not this part.
        UsageError: a file is no picture of this size or kind, or the mask covers nothing or all.
    """
    model = Generative(target)
    port = model.model.signature.example
    if port.kind != "image":
        raise UsageError(
            f"{model.name} makes no pictures but numbers of kind {port.kind!r}; inpainting is of "
            "pictures"
        )
    if count < 1:
        raise UsageError(f"count={count} ways to fill a picture; expected at least 1")
    given = _picture(Path(picture), port)
    hole = _mask(Path(mask), port)
    known = (~hole).to(given).expand_as(given)
    return model.inpaint(given.repeat(count, 1, 1, 1), known, **options)


def _picture(path: Path, port: Port) -> Float[Tensor, "c y x"]:
    """A picture of the model's size in the units of its port.

    Raises:
        UsageError: it is of another size, or has colours that the model does not know.
    """
    shown = _read(path, port)
    channels = int(port.dims[0])
    if channels == 1:
        if not bool((shown == shown[:1]).all()):
            raise UsageError(
                f"{path} has colours, and the model draws greys; save it as a picture of greys"
            )
        shown = shown[:1]
    low, high = port.bounds or (0.0, 1.0)
    return low + shown * (high - low)


def _mask(path: Path, port: Port) -> Bool[Tensor, "1 y x"]:
    """Where a mask is white.

    Raises:
        UsageError: it is of another size, has colours, or is black or white all over.
    """
    shown = _read(path, port)
    if not bool((shown == shown[:1]).all()):
        raise UsageError(
            f"{path} has colours; a mask is white where to make up, and black elsewhere"
        )
    white = shown[:1] >= WHITE / 255
    if not bool(white.any()):
        raise UsageError(f"{path} is black all over: nothing is to be made up; paint white what is")
    if bool(white.all()):
        raise UsageError(
            f"{path} is white all over: nothing of the picture would stay; leave out --inpaint and "
            "--mask to draw whole ones"
        )
    return white


def _read(path: Path, port: Port) -> Float[Tensor, "3 y x"]:
    """A file's colours from 0 to 1.

    Raises:
        UsageError: it is of another size, transparent, or no picture.
    """
    if not path.is_file():
        raise UsageError(f"{path} is missing; expected a picture file")
    _, rows, columns = (int(dim) for dim in port.dims)
    about = header(path)
    if about.size != (columns, rows):
        raise UsageError(
            f"{path} has {about.size[0]} x {about.size[1]} pixels; the model's pictures have "
            f"{columns} x {rows}: scale it first"
        )
    if about.clear:
        raise UsageError(f"{path} has transparent parts; save it without")
    shown = pixels(path, channels=3, height=rows, width=columns)
    return shown / 255 if shown.dtype == torch.uint8 else shown
