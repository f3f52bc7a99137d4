"""Build a module without initialising its weights, as they are about to be loaded."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

DRAWS = (
    Tensor.normal_, Tensor.uniform_, nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_,
)  # fmt: skip
"""What fills a weight with random numbers, whichever initialiser asks for it."""


class SkipInit(TorchFunctionMode):
    """Within the block random initialisation fills with zeros; no random number is used.

    Args:
        zero: where it is false, weights stay what memory holds: all of them are about to be loaded.

    >>> from torch import nn
    >>> with SkipInit():
    ...     layer = nn.Linear(2, 2)
    >>> layer.weight.any().item()
    False
    """

    def __init__(self, *, zero: bool = True) -> None:
        super().__init__()
        self.zero = zero

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Called by torch for each of its functions."""
        if func in DRAWS:
            weight = args[0] if args else (kwargs or {})["tensor"]
            with torch.no_grad():
                return weight.zero_() if self.zero else weight
        return func(*args, **(kwargs or {}))
