"""A loss as an objective is given it: by name, or as a function of a user's own."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from cartograd.core.build import build
from cartograd.core.errors import UsageError


def loss_of(loss: str | Callable[..., Tensor], /, **more: Any) -> Callable[..., Tensor]:
    """The function of outputs and targets: one number for each example, or their mean.

    Args:
        loss: name or text form of a loss, or a function (such as `torch.nn.CrossEntropyLoss()`).
        **more: arguments for a loss by name.

    Raises:
        UsageError: there is no such loss, or a function is to be given arguments.
    """
    if isinstance(loss, str):
        return build(loss, kind="loss", **more)
    if more:
        raise UsageError(f"{', '.join(more)} is for a loss by name; give it to your own function")
    return loss
