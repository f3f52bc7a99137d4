"""Stored inputs and targets, converted to what their ports describe."""

import torch
from jaxtyping import Shaped
from torch import Tensor


def as_port(stored: Shaped[Tensor, "n ..."], kind: str, /) -> Shaped[Tensor, "n ..."]:
    """Stored inputs as a port of this kind describes them."""
    if kind in ("text", "label"):
        return stored.long()
    if stored.dtype != torch.uint8:
        return stored
    return stored.float().div_(255) if kind == "image" else stored.long()


def as_target(stored: Shaped[Tensor, "n ..."], /) -> Shaped[Tensor, "n ..."]:
    """Stored targets as objectives take them: whole numbers of any type become int64 classes."""
    return stored if stored.is_floating_point() else stored.long()
