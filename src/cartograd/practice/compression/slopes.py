"""The gradient of a model's own loss with respect to its weights, over some examples."""

import copy
from itertools import islice

import torch
from torch import Tensor, nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.learning import learning
from cartograd.core.protocols import Batches, Objective
from cartograd.core.signed import Signed, signature_of

FEW = 8
"""Batches over which a gradient is averaged."""


def slopes(model: nn.Module, data: Batches | None, wanted: str, /) -> dict[str, Tensor]:
    """The mean gradient of each weight, in evaluation mode, by the weight's name.

    Args:
        model: with its signature, whose task says what the loss is; it stays as it is.
        data: batches of examples with their right answers.
        wanted: what needs it, for errors.

    Raises:
        UsageError: there are no data, or the task has no loss.
    """
    if data is None:
        raise UsageError(f"{wanted} needs examples with their right answers; give data (--data)")
    with learning():
        objective, made = own_loss(copy.deepcopy(model), wanted)
        made.eval().requires_grad_(True)
        weights = dict(made.named_parameters())
        sums = {name: torch.zeros_like(weight) for name, weight in weights.items()}
        for batch in islice(data.epoch(0, seed=0), FEW):
            loss = next(iter(objective.losses(batch)))
            found = torch.autograd.grad(
                mean_of(loss.value, loss.weight), list(weights.values()), allow_unused=True
            )
            for name, slope in zip(weights, found, strict=True):
                if slope is not None:
                    sums[name] += slope
    return sums


def mean_of(value: Tensor, weight: Tensor | None) -> Tensor:
    """The mean of a loss, each number by its weight."""
    if weight is None:
        return value.mean()
    return (value * weight).sum() / weight.sum().clamp(min=1e-12)


def own_loss(model: nn.Module, wanted: str, /) -> tuple[Objective, nn.Module]:
    """The objective of a model's task, and the model with its signature.

    Raises:
        UsageError: the task has no loss.
    """
    signature = signature_of(model)
    if signature.task.objective is None:
        raise UsageError(f"{wanted} needs a loss, and the task {signature.task.name!r} has none")
    signed = model if isinstance(model, Signed) else Signed(model, signature)
    return build(signature.task.objective, kind="objective", model=signed), signed
