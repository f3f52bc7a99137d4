"""The protocol of purifiers: what is done to inputs before a model sees them, to undo an attack."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class Purifier(Protocol):
    """Inputs with less of what an attack has added; what `defend` calls."""

    def __call__(
        self, x: Float[Tensor, "b ..."], generator: torch.Generator, /
    ) -> Float[Tensor, "b ..."]:
        """Inputs of the same shape.

        Args:
            x: inputs in the units of the input port, from 0 to 1.
            generator: of the random numbers, if it draws any.

        Raises:
            UsageError: such inputs cannot be purified so.
        """
        ...
