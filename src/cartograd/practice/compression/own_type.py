"""Layers whose numbers keep their types when a model is given another.

`model.half()`, `.bfloat16()`, `.double()` and `.to(dtype)` make every number of a model in floats
one of that type. Scales of rounded weights are not to be rounded again, and weights that are kept
in sixteen bits stay in those: what such a layer takes over is the type of its answers, so that the
layers around it fit.

>>> half = lambda x: x.half()
>>> keeping(half)(torch.ones(2)).dtype, type_after(half, torch.float32)
(torch.float32, torch.float16)
"""

from collections.abc import Callable

import torch
from torch import Tensor

Change = Callable[[Tensor], Tensor]
"""What `nn.Module._apply` does to each tensor: move it, give it another type, or both."""


def keeping(change: Change, /) -> Change:
    """The same, but that types stay."""

    def kept(x: Tensor) -> Tensor:
        made = change(x)
        return made if made.dtype == x.dtype else x.to(made.device)

    return kept


def type_after(change: Change, dtype: torch.dtype, /) -> torch.dtype:
    """What becomes of numbers of a type."""
    return change(torch.empty(0, dtype=dtype)).dtype
