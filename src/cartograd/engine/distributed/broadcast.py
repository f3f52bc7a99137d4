"""The modules of an objective, and their tensors broadcast to all processes."""

from typing import Any

import torch.distributed as dist
from torch import Tensor, nn


def modules_of(objective: Any) -> list[nn.Module]:
    """The objective's modules, each parameter in one of them."""
    players: list[nn.Module] = list(objective.players.values())
    if not isinstance(objective, nn.Module):
        return players
    held = {id(parameter) for parameter in objective.parameters()}
    outside = [
        module
        for module in players
        if not all(id(parameter) in held for parameter in module.parameters())
    ]
    return [objective, *outside]


def broadcast(tensors: list[Tensor]) -> None:
    """Broadcast the lead's tensors, in place."""
    for tensor in tensors:
        data = tensor.detach()
        whole = data.contiguous()
        dist.broadcast(whole, src=0)
        if whole.data_ptr() != data.data_ptr():
            data.copy_(whole)
