"""Gradients, whatever the mode in which a caller is.

Within `torch.no_grad` or `torch.inference_mode` nothing has a gradient, and what is made in the
latter never gets one. What needs gradients itself switches them on here; tensors that were made in
that mode are copied, and weights that were are refused, for a copy of them would not be the model.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Shaped
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from cartograd.core.errors import UsageError


@contextmanager
def learning(*modules: nn.Module) -> Iterator[None]:
    """Gradients are on within the block.

    Args:
        *modules: whose weights are to have or to pass on gradients.

    Raises:
        UsageError: some were made in `torch.inference_mode`.
    """
    check_learns(*modules)
    with torch.inference_mode(False), torch.enable_grad():
        yield


def check_learns(*modules: nn.Module) -> None:
    """Refuse what no gradient goes through.

    Raises:
        UsageError: weights were made in `torch.inference_mode`.
    """
    for module in modules:
        if any(
            weight.is_inference()
            for weight in (*module.parameters(), *module.buffers())
            if not is_lazy(weight)
        ):
            raise UsageError(
                f"the weights of {type(module).__name__} were made in torch.inference_mode, and "
                "no gradient goes through such; make or load the model outside of it"
            )


def plain(x: Shaped[Tensor, "..."], /) -> Shaped[Tensor, "..."]:
    """A tensor that gradients may be computed with: a copy, if it was made in inference mode."""
    with torch.inference_mode(False):
        return x.clone() if x.is_inference() else x
