"""Outputs and targets of one shape: torch would stretch one over the other without a word."""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.errors import UsageError


def alike(loss: str, outputs: Float[Tensor, "b ..."], targets: Float[Tensor, "b ..."], /) -> None:
    """Refuse values that are not one to one.

    Args:
        loss: The name of the loss, for the message.
        outputs: What the model says.
        targets: What is right.

    Raises:
        UsageError: the shapes differ.
    """
    if outputs.shape != targets.shape:
        raise UsageError(
            f"{loss}: outputs of shape {tuple(outputs.shape)} and targets of shape "
            f"{tuple(targets.shape)} are not one to one; expected values of one shape (of classes "
            "take cross-entropy)"
        )
