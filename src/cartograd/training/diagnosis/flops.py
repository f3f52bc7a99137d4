"""How many floating-point operations a training step takes."""

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cartograd.core.protocols import Batch, Objective
from cartograd.training.diagnosis.twin import gradients, twin


def flops(objective: Objective, batch: Batch, /) -> int | None:
    """Operations of the forward and backward passes of a batch, counted without making them.

    A multiplication and an addition are two. Counted are matrix products, convolutions and
    attention; what is done to each number alone is not. The copy runs on torch's meta device.

    Returns:
        The count, or None where the objective needs numbers to go on (it branches on them).
    """
    with twin(objective) as made:
        for module in (made, *made.players.values()):
            if isinstance(module, nn.Module):
                module.to("meta")
        shapes = tuple(item.to("meta") if isinstance(item, Tensor) else item for item in batch)
        counter = FlopCounterMode(display=False)
        try:
            with torch.device("meta"), counter:
                for _ in gradients(made, shapes):
                    pass
        except (RuntimeError, NotImplementedError, ValueError):
            return None
    return counter.get_total_flops()
