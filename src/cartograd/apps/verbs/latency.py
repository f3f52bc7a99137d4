"""How long a model takes for one example."""

import torch
from jaxtyping import Shaped
from torch import Tensor

from cartograd.core.eval_mode import inferring
from cartograd.core.signed import Signed
from cartograd.engine.device.visit import visiting
from cartograd.practice.deployment.in_turns import Spent, in_turns


def latency(model: Signed, /, *inputs: Shaped[Tensor, "b ..."], device: torch.device) -> Spent:
    """What one prediction takes on a device, after a few warm-up runs."""
    x = [tensor.to(device) for tensor in inputs]
    with visiting(model, device), inferring(model):
        [found] = in_turns([lambda: _answer(model, *x)])
    return found


def _answer(model: Signed, *x: Tensor) -> None:
    answer = model(*x)
    if answer.device.type == "cuda":
        torch.cuda.synchronize(answer.device)
