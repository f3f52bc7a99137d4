"""The mean loss of a batch as a module, so that other weights can be put in."""

from typing import Any

import torch
from torch import Tensor, nn

from cartograd.core.errors import UsageError


class MeanLoss(nn.Module):
    """The mean loss of a batch.

    Args:
        objective: whose losses.
        module: holds the weights, under the name `module`.
    """

    def __init__(self, objective: Any, module: nn.Module):
        super().__init__()
        self.module = module
        self.losses = lambda batch: list(objective.losses(batch))

    def forward(self, counts: Tensor | None, *batch: Tensor) -> Tensor:
        """The mean over the rows that count; None if all do.

        Raises:
            UsageError: the objective gives several losses for a batch.
        """
        found = self.losses(batch)
        if len(found) != 1:
            raise UsageError(
                f"federated: the objective gives {len(found)} losses for a batch; expected one"
            )
        value, weight = found[0].value, found[0].weight
        if counts is not None:
            shape = (-1, *[1] * (value.ndim - 1))
            weight = counts.reshape(shape) * (torch.ones_like(value) if weight is None else weight)
        if weight is None:
            return value.mean()
        return (weight * value).sum() / weight.sum().clamp(min=torch.finfo(value.dtype).tiny)
