"""What goes into the linear layers of a model: second moments of their inputs, and sizes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.protocols import Batches
from cartograd.core.signed import signature_of

MOST, TOGETHER = 4096, 8
"""Rows of a layer's inputs that are enough, and examples that are looked at at once."""


@dataclass
class Moments:
    """Of the inputs of a layer, in floats.

    Attributes:
        second: the sum of `x x^T` over all rows, the Hessian of the squared error of its answers.
        size: the sum of `|x|`.
        rows: how many.
    """

    second: Float[Tensor, "d d"]
    size: Float[Tensor, " d"]
    rows: int = 0

    def add(self, x: Float[Tensor, "n d"], /) -> None:
        """Further rows."""
        self.second += x.T @ x
        self.size += x.abs().sum(0)
        self.rows += len(x)


def moments(model: nn.Module, data: Batches | None, wanted: str, /) -> dict[str, Moments]:
    """The moments of each linear layer's inputs over some examples, by the layer's name.

    The model computes in floats, in evaluation mode, and stays as it is.

    Args:
        model: with its signature.
        data: batches of examples.
        wanted: what needs them, for errors.

    Raises:
        UsageError: there are no data.
    """
    if data is None:
        raise UsageError(f"{wanted} looks at what goes into each layer; give data (--data)")
    ports = len(signature_of(model).inputs)
    found: dict[str, Moments] = {}
    with evaluating(model), torch.inference_mode(), _watched(model, found):
        for batch in data.epoch(0, seed=0):
            for start in range(0, len(batch[0]), TOGETHER):
                model(*(part[start : start + TOGETHER] for part in batch[:ports]))
                if max((one.rows for one in found.values()), default=0) >= MOST:
                    return found
    return found


@contextmanager
def _watched(model: nn.Module, found: dict[str, Moments]) -> Iterator[None]:
    def watch(name: str) -> Any:
        def note(layer: nn.Linear, inputs: tuple[Tensor, ...]) -> None:
            x = inputs[0].detach().reshape(-1, layer.in_features).float()
            if name not in found:
                d = layer.in_features
                found[name] = Moments(x.new_zeros(d, d), x.new_zeros(d))
            found[name].add(x)

        return note

    hooks = [
        layer.register_forward_pre_hook(watch(name))
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
