"""Evaluation mode for a while, without changing a model."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from cartograd.core.onednn_linear import onednn_linear


@contextmanager
def evaluating(*models: Any) -> Iterator[None]:
    """Evaluation mode within the block; afterwards every part is in the mode it was in.

    What is no module is left out. A model that is in evaluation mode already is not touched at
    all, so that several threads can use one model.
    """
    modules = [model for model in models if isinstance(model, nn.Module)]
    training = [part for module in modules for part in parts(module) if part.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def parts(model: nn.Module, /) -> list[nn.Module]:
    """A model and all its parts, as `modules` gives them, which takes several times as long.

    >>> both = nn.Sequential(nn.Tanh(), nn.Sequential(nn.ReLU()))
    >>> parts(both) == [*both.modules()]
    True
    """
    found: dict[nn.Module, None] = {}
    ahead: list[nn.Module | None] = [model]
    while ahead:
        part = ahead.pop()
        if part is not None and part not in found:
            found[part] = None
            ahead += reversed(part._modules.values())
    return list(found)


@contextmanager
def inferring(*models: Any) -> Iterator[None]:
    """Evaluation mode without gradients, on the fastest kernels for that."""
    with evaluating(*models), torch.inference_mode(), onednn_linear(*models):
        yield
