"""Look at a model without changing it."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(model: nn.Module, /) -> Iterator[None]:
    """Evaluation mode within the block; afterwards every part is in the mode it was in.

    A model that is in evaluation mode already is not touched at all, so that one model can be
    looked at from several threads.
    """
    training = [module for module in model.modules() if module.training]
    if training:
        model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
