"""A layer of a model by its name, and what it gives while the model runs."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.errors import UsageError, unknown
from cartograd.engine.files.program import check_code
from cartograd.frontier.explain.rules import Rules

CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d, torch.conv1d, torch.conv2d, torch.conv3d)


def layer_named(model: nn.Module, name: str, /) -> nn.Module:
    """A part of a model by its path, as `named_modules` tells it.

    Raises:
        UsageError: there is none of this name.
    """
    check_code(model, "a layer")
    layers = {path: part for path, part in model.named_modules() if path}
    inner = {re.sub(r"^(model\.)+", "", path): part for path, part in layers.items()}
    inner.pop("model", None)
    if name not in layers | inner:
        raise unknown("layer", name, tuple(inner))
    return (inner | layers)[name]


@contextmanager
def recorded(model: nn.Module, layer: str | None, /) -> Iterator[list[Tensor]]:
    """What a layer gives, each time that the model runs within the block.

    The model goes on with a copy, as what comes next may change it in place.

    Args:
        model: runs within the block.
        layer: its name; None stands for the last convolution, module or function, of a run.

    Raises:
        UsageError: there is none of this name.
    """
    found: list[Tensor] = []

    def kept(output: Tensor) -> Tensor:
        if not output.requires_grad:  # of tokens by frozen weights
            output = output.detach().requires_grad_()
        found.append(output)
        return output.clone()

    if layer is not None:

        def note(_: nn.Module, __: Any, output: Any) -> Tensor:
            if not isinstance(output, Tensor):
                raise UsageError(
                    f"layer {layer} gives {type(output).__name__}, no tensor; expected a layer "
                    "that gives one"
                )
            return kept(output)

        handle = layer_named(model, layer).register_forward_hook(note)
        try:
            yield found
        finally:
            handle.remove()
        return

    def seen(operation: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Tensor:
            return kept(operation(*args, **kwargs))

        return run

    with Rules({one: seen(one) for one in CONVOLUTIONS}):
        yield found
