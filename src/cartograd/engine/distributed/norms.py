"""Batch normalisation over the rows of all processes.

Each process sends its number of rows and their sums, then the squares of the differences from the
common mean: two messages a layer, and the same in the backward pass. So the statistics, and their
gradients of any order, are those of a single process with the whole batch. Torch's SyncBatchNorm
does this for GPUs only.

    mean = sum x / n,    var = sum (x - mean)^2 / n,    the sums over all processes
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class Summed(torch.autograd.Function):
    """All-reduce by the sum; its gradient is the sum of the processes' gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ARG004
        """Add."""
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:  # noqa: ARG004
        """Each process's losses depend on the sum."""
        return Summed.apply(gradients[0])


def share(module: nn.Module, processes: Any, /) -> list[Callable[[], None]]:
    """Make the batch normalisations of a module take statistics of all rows.

    Returns:
        Functions that undo it.
    """
    undo: list[Callable[[], None]] = []
    for part in module.modules():
        if isinstance(part, _BatchNorm) and not isinstance(part, nn.SyncBatchNorm):
            part.forward = partial(normalised, part, processes)  # type: ignore[method-assign]
            undo.append(partial(_back, part))
    return undo


def _back(part: nn.Module) -> None:
    part.__dict__.pop("forward", None)


def normalised(part: Any, processes: Any, x: Float[Tensor, "b ..."], /) -> Float[Tensor, "b ..."]:
    """Batch normalisation with the statistics of all processes.

    Args:
        part: the layer, with its running statistics.
        processes: `idle` where the rows are padding.
        x: channels in dimension 1.
    """
    if not part.training and part.running_mean is not None:
        return type(part).forward(part, x)
    shape = [1, -1] + [1] * (x.ndim - 2)
    dims = [0, *range(2, x.ndim)]
    count = 0.0 if processes.idle else x.numel() / x.shape[1]
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    sums = torch.cat([wide.sum(dims) * bool(count), wide.new_tensor([count])])
    total = Summed.apply(sums)
    n = total[-1].detach()
    mean = total[:-1] / n
    away = wide - mean.view(shape)
    var = Summed.apply(away.square().sum(dims) * bool(count)) / n
    if part.running_mean is not None:
        _remember(part, mean.detach(), var.detach() * n / (n - 1).clamp(min=1))
    made = away * (var + part.eps).rsqrt().view(shape)
    if part.weight is not None:
        made = made * part.weight.view(shape) + part.bias.view(shape)
    return made.to(x.dtype)


@torch.no_grad()
def _remember(part: Any, mean: Tensor, var: Tensor) -> None:
    part.num_batches_tracked.add_(1)
    share_of_new = part.momentum
    if share_of_new is None:
        share_of_new = 1.0 / float(part.num_batches_tracked)
    part.running_mean.lerp_(mean.to(part.running_mean.dtype), share_of_new)
    part.running_var.lerp_(var.to(part.running_var.dtype), share_of_new)
