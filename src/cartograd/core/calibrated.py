"""What is set right at the end of a training by examples that were held back."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class Calibrated(Protocol):
    """A part of a model whose answers can be set right without learning; its weights stay."""

    def calibrate(
        self, outputs: Float[Tensor, "n ..."], right: Float[Tensor, "n ..."], /, *, level: float
    ) -> None:
        """Set it right.

        Args:
            outputs: the model's answers for examples that were held back.
            right: what would have been right.
            level: how often an interval is to hold that.
        """
        ...


@runtime_checkable
class Calibrating(Protocol):
    """An objective whose training ends with that; what `train` calls before it measures."""

    calibrates: str
    """What is set right, in a phrase."""

    def calibrate(
        self, outputs: Float[Tensor, "n ..."], targets: Float[Tensor, "n ..."], /
    ) -> None:
        """Set the model right by its answers for the validation part."""
        ...
