"""How many numbers each unit of a layer takes in and sends on, from the shape of its weight."""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.errors import UsageError


def fans(weight: Float[Tensor, "..."], /) -> tuple[int, int]:
    """Inputs of one unit, and units that one input goes to.

    Args:
        weight: outputs first, then inputs, then the positions of a kernel (all of them count).

    Raises:
        UsageError: the tensor has fewer than two dimensions, so it is no layer's weight.

    >>> import torch
    >>> fans(torch.empty(8, 3, 5, 5))
    (75, 200)
    """
    if weight.ndim < 2:
        raise UsageError(
            f"a weight of shape {tuple(weight.shape)} has no inputs and outputs to count; this "
            f"initialisation is for weights of layers, use constant or random-normal for others"
        )
    kernel = weight[0, 0].numel()
    return weight.shape[1] * kernel, weight.shape[0] * kernel
