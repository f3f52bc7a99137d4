"""Whether a tensor stands for several, within a transform of `torch.func`, or is traced."""

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad


def is_wrapped(x: Tensor, /) -> bool:
    """Whether it is a wrapped tensor of `torch.func` (vmap, grad), whose numbers cannot be read."""
    return torch._C._functorch.is_functorch_wrapped_tensor(x)  # pyright: ignore[reportAttributeAccessIssue]


def learns_plainly(*tensors: Tensor) -> bool:
    """Whether functions of tensors may bring gradients of their own.

    Gradients are wanted, of plain tensors, backwards: transforms of `torch.func` and what traces or
    compiles get the functions of torch.
    """
    return (
        torch.is_grad_enabled()
        and forward_ad._current_level < 0
        and not torch.compiler.is_compiling()
        and any(x.requires_grad for x in tensors)
        and all(type(x) in (Tensor, nn.Parameter) and not is_wrapped(x) for x in tensors)
    )
