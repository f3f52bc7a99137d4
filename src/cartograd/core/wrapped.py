"""Whether a tensor stands for several, within a transform of `torch.func`."""

import torch
from torch import Tensor


def is_wrapped(x: Tensor, /) -> bool:
    """Whether it is a wrapped tensor of `torch.func` (vmap, grad), whose numbers cannot be read."""
    return torch._C._functorch.is_functorch_wrapped_tensor(x)  # pyright: ignore[reportAttributeAccessIssue]
