"""Masks as pictures: the number of each pixel's class in a palette, and laid over what was seen."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from cartograd.apps.report.pictures import png
from cartograd.apps.results.answers import Answers
from cartograd.core.errors import UsageError
from cartograd.core.files import write_file
from cartograd.core.ports import Port, Signature
from cartograd.core.system import twice
from cartograd.data.decode.images import pixels

COLOURS = (
    *((0, 0, 0), (214, 39, 40), (31, 119, 180), (44, 160, 44), (255, 127, 14), (148, 103, 189)),
    *((23, 190, 207), (227, 119, 194), (188, 189, 34), (140, 86, 75), (127, 127, 127)),
)
"""Of the classes in order; further ones begin again after the first, which stays clear."""

CLEAR = 0.5
"""How much of the picture is seen through a class's colour."""


def colour(number: int, /) -> tuple[int, int, int]:
    """Of a class; no other has that of the first."""
    return COLOURS[number if number < len(COLOURS) else 1 + (number - 1) % (len(COLOURS) - 1)]


def index_png(mask: Int[Tensor, "y x"], /) -> bytes:
    """A PNG whose pixels are the numbers of classes, each shown in a colour of its own."""
    if int(mask.max()) > 255:
        raise UsageError(f"class {int(mask.max())} does not fit into a picture of 256 numbers")
    image = Image.fromarray(mask.numpy().astype(np.uint8))
    image.putpalette([level for number in range(256) for level in colour(number)])
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def overlay(x: Float[Tensor, "c y x"], mask: Int[Tensor, "y x"], /) -> Float[Tensor, "3 y x"]:
    """A picture in [0, 1] under the colours of its classes; the first is clear."""
    table = torch.tensor([colour(number) for number in range(int(mask.max().clamp(min=0)) + 1)])
    tint = table[mask.clamp(min=0)].permute(2, 0, 1) / 255
    shown = x.expand(3, -1, -1) if x.shape[0] == 1 else x[:3]
    return torch.where(mask > 0, CLEAR * shown + (1 - CLEAR) * tint, shown)


def write_masks(out: Path, answers: Answers, signature: Signature, /) -> list[Path]:
    """Write a mask for each picture, and the picture under its colours.

    Args:
        out: a file that ends in `.png` for a single one; or a folder, where each is called as its
            source. The picture under the colours ends in `-overlay.png`.
        answers: of a model of masks.
        signature: the model's.

    Raises:
        UsageError: several masks for one file, or two sources of one name.
    """
    if out.suffix and len(answers) > 1:
        raise UsageError(f"{len(answers)} masks do not fit into {out}; expected a folder")
    names = [name for name, _ in answers.named]
    files = [out] if out.suffix else [out / f"{Path(name).stem}.png" for name in names]
    same = twice(map(str, files))
    if same is not None:
        raise UsageError(f"two masks would be called {same[1]}; give them other names")
    written = []
    for file, name, answer in zip(files, names, answers, strict=True):
        written += _both(file, name, answer, signature.input)
    return written


def _both(file: Path, name: str, answer: Any, port: Port) -> Sequence[Path]:
    mask = torch.tensor(answer["mask"])
    found = [write_file(file, index_png(mask))]
    if Path(name).is_file():  # what was given as numbers is not read again
        channels, height, width = (int(dim) for dim in port.dims)
        given = {"channels": channels, "height": height, "width": width, "fit": port.fit}
        x = pixels(name, **given, bits=port.bits)
        shown = overlay(x / 255 if x.dtype == torch.uint8 else x, mask)
        place = file.with_name(f"{file.stem}-overlay.png")
        levels = (255 * shown).round().to(torch.uint8).permute(1, 2, 0)
        found.append(write_file(place, png(levels.numpy())))
    return found
