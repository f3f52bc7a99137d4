"""JPEG: what an attack adds is fine and faint, and that is what compression leaves out.

Shapes: pictures `b c y x` of one or three channels, from 0 to 1.

Departures: none. Pillow's coder does it.

References:
    Gintare Karolina Dziugaite, Zoubin Ghahramani, Daniel Roy. A study of the effect of JPG
    compression on adversarial images. 2016. https://arxiv.org/abs/1608.00853

>>> flat = torch.full((1, 1, 8, 8), 0.5)
>>> bool((jpeg(flat, torch.Generator(), quality=50) - flat).abs().max() < 0.01)
True
"""

import io

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.frontier.security.purifiers.pictures import check_pixels

CARD = Card(
    name="jpeg",
    kind="purifier",
    entry="jpeg",
    nodes=("defense/purification",),
    title="JPEG compression",
    zh="JPEG 压缩",
    paper="A study of the effect of JPG compression on adversarial images",
    year=2016,
    url="https://arxiv.org/abs/1608.00853",
    proofs=(
        "law: at the best quality no pixel moves by more than two of its 255 steps; the worse the "
        "quality, the less is left of the finest pattern there is",
    ),
    tiny={},
)


def jpeg(
    x: Float[Tensor, "b c y x"], _: torch.Generator, /, *, quality: int = 50
) -> Float[Tensor, "b c y x"]:
    """Pictures after compression.

    Args:
        x: pictures from 0 to 1.
        quality: from 1 to 100.

    Raises:
        UsageError: these are no pictures of one or three channels.
    """
    check_pixels("jpeg", x)
    if x.shape[1] not in (1, 3):
        raise UsageError(f"jpeg is for pictures of 1 or 3 channels; these have {x.shape[1]}")
    bytes_of = (x.detach().cpu() * 255).round().to(torch.uint8).movedim(1, -1).numpy()
    found = [_through(one, quality) for one in bytes_of]
    pixels = torch.from_numpy(np.stack(found)).to(x) / 255
    return pixels.reshape(len(x), *x.shape[2:], x.shape[1]).movedim(-1, 1)


def _through(picture: np.ndarray, quality: int) -> np.ndarray:
    """A picture, written and read."""
    file = io.BytesIO()
    Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture).save(
        file, "JPEG", quality=quality, subsampling=0
    )
    return np.asarray(Image.open(file))
