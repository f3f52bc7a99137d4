"""Stored inputs and targets, converted to what their ports describe."""

from jaxtyping import Shaped

from cartograd.core import arrays
from cartograd.core.arrays import Tensor


def as_port(stored: Shaped[Tensor, "n ..."], kind: str, /) -> Shaped[Tensor, "n ..."]:
    """Stored inputs as a port of this kind describes them."""
    if kind in ("text", "label"):
        return arrays.typed(stored, "int64")
    if not arrays.is_bytes(stored):
        return stored
    if kind != "image":
        return arrays.typed(stored, "int64")
    shares = arrays.typed(stored, "float32")
    shares /= 255
    return shares


def as_target(stored: Shaped[Tensor, "n ..."], /) -> Shaped[Tensor, "n ..."]:
    """Stored targets as objectives take them: whole numbers of any type become int64 classes."""
    return stored if stored.is_floating_point() else stored.long()
