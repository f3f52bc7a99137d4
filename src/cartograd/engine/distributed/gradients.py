"""All-reduce of the gradients of several processes, in one message.

Torch's DistributedDataParallel starts to send while the gradient is still computed, from hooks
that need its own forward pass. An objective calls its players as it likes, differentiates twice
and steps several of them on one batch, so here the gradients are reduced once they are complete:
one message for each dtype (docs/adr/0013).
"""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn

from cartograd.core.errors import UsageError


def add(params: Sequence[nn.Parameter], /) -> None:
    """Replace each gradient by its sum over the processes.

    Args:
        params: the same on each process, with a gradient on at least one of them.

    Raises:
        UsageError: a gradient is sparse.
    """
    kinds: dict[tuple[torch.dtype, torch.device], list[nn.Parameter]] = {}
    for parameter in params:
        kinds.setdefault((parameter.dtype, parameter.device), []).append(parameter)
    for same in kinds.values():
        parts = [_flat(parameter) for parameter in same]
        processes = parts[0].clone() if len(parts) == 1 else torch.cat(parts)
        dist.all_reduce(processes)
        start = 0
        for parameter in same:
            size = parameter.numel()
            gradient = processes[start : start + size].view(parameter.shape)
            if parameter.is_contiguous():
                parameter.grad = gradient
            else:  # a gradient has its parameter's strides, which fused optimizers rely on
                parameter.grad = torch.empty_like(parameter).copy_(gradient)
            start += size


def _flat(parameter: nn.Parameter) -> Tensor:
    if parameter.grad is None:
        return torch.zeros(parameter.numel(), dtype=parameter.dtype, device=parameter.device)
    if parameter.grad.is_sparse:
        raise UsageError(
            "sparse gradients cannot be added over several processes; make the layer dense "
            "(nn.Embedding(..., sparse=False)) or train in one process"
        )
    return parameter.grad.reshape(-1)
