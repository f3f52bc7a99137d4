"""Linear maps along rows and columns, a matrix of its own for each image.

Resizing and blurring treat rows and columns alike and apart, so a batch of them, each by its own
amount, is two batched matrix products.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def separable(
    x: Float[Tensor, "b c y x"], down: Float[Tensor, "b v y"], across: Float[Tensor, "b u x"], /
) -> Float[Tensor, "b c v u"]:
    """Each image with its columns multiplied by `down` and its rows by `across`."""
    b, c, height, width = x.shape
    v, u = down.shape[1], across.shape[1]
    # All channels in one product: c products of small matrices would take several times as long.
    columns = torch.bmm(down, x.transpose(1, 2).reshape(b, height, c * width))  # b v (c x)
    rows = torch.bmm(columns.reshape(b, v * c, width), across.mT)  # b (v c) u
    return rows.reshape(b, v, c, u).transpose(1, 2).contiguous()


def resizing(
    start: Float[Tensor, " b"], length: Float[Tensor, " b"], source: int, target: int, /
) -> Float[Tensor, "b v y"]:
    """Weights that stretch the pixels from `start` on, `length` of them, to `target` pixels.

    Linear interpolation when they grow. When they shrink, a triangle as wide as what falls on one
    new pixel (antialiasing), as Pillow and torch do it.
    """
    scale = (length / target)[:, None]
    reach = scale.clamp_min(1)
    end, start = (start + length)[:, None, None], start[:, None, None]
    middle = scale * (torch.arange(target, dtype=scale.dtype) + 0.5)  # b v, from the start
    pixel = torch.arange(source, dtype=scale.dtype) + 0.5
    away = (pixel - start - middle[:, :, None]) / reach[:, :, None]
    weights = (1 - away.abs()).clamp_min(0)
    weights = weights * ((pixel > start) & (pixel < end))
    return weights / weights.sum(2, keepdim=True)
