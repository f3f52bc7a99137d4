"""Pictures brought to a size by any of the usual filters."""

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageOps
from torch import Tensor

FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}
"""By the names that torchvision, OpenCV and Pillow share."""


def resized(
    picture: Image.Image, height: int, width: int, /, *, filter: str, fit: str
) -> Float[Tensor, "c y x"]:
    """A picture of 8 bits at another size, from 0 to 1.

    Args:
        picture: grey or in colours.
        height: rows wanted.
        width: columns wanted.
        filter: one of `FILTERS`.
        fit: as of an image port: `crop`, `pad`, `pad-white` or `stretch`.
    """
    method, size = FILTERS[filter], (width, height)
    if fit == "crop":
        made = ImageOps.fit(picture, size, method=method)
    elif fit == "stretch":
        made = picture.resize(size, method)
    else:
        colour = "white" if fit == "pad-white" else "black"
        made = ImageOps.pad(picture, size, method=method, color=colour)
    values = np.asarray(made, dtype=np.uint8)
    values = values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)
    return torch.from_numpy(values.copy()).float().div(255)
