"""Pixels as numbers in [0, 1], and back to how they came; parameters of a batch made to fit it."""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor


def as_float(x: Shaped[Tensor, "b c y x"], /) -> Float[Tensor, "b c y x"]:
    """Bytes as numbers in [0, 1]; floating pixels as they are."""
    return x.float().div_(255) if x.dtype == torch.uint8 else x


def as_before(
    x: Float[Tensor, "b c y x"], before: Shaped[Tensor, "b c y x"], /
) -> Shaped[Tensor, "b c y x"]:
    """Pixels of the type that they had before: bytes are rounded to the nearest."""
    if before.dtype != torch.uint8:
        return x
    return x.mul(255).round_().clamp_(0, 255).to(torch.uint8)


def column(values: Shaped[Tensor, " b"], x: Tensor, /) -> Shaped[Tensor, "b 1 1 1"]:
    """One number for each image, ready to be multiplied with them."""
    return values.to(x)[:, None, None, None]
