"""How long a model takes for one example, and how large it is."""

import time
from statistics import median

import torch
from jaxtyping import Shaped
from torch import Tensor

from cartograd.core.eval_mode import inferring
from cartograd.core.signed import Signed
from cartograd.engine.device.visit import visiting
from cartograd.engine.files.program import Program

SECONDS = 0.3
"""Seconds for which a single prediction is timed."""


def latency(model: Signed, /, *inputs: Shaped[Tensor, "b ..."], device: torch.device) -> float:
    """Median seconds of one prediction on a device, after a few warm-up runs."""
    times: list[float] = []
    x = [tensor.to(device) for tensor in inputs]
    with visiting(model, device), inferring(model):
        for _ in range(3):
            _answer(model, *x)
        end = time.perf_counter() + SECONDS
        while len(times) < 5 or (time.perf_counter() < end and len(times) < 500):
            start = time.perf_counter()
            _answer(model, *x)
            times.append(time.perf_counter() - start)
    return median(times)


def size(model: Signed, /) -> int:
    """Bytes of a model's weights and buffers, or of the file that answers for it."""
    if isinstance(model.model, Program):
        return model.model.path.stat().st_size
    tensors = [*model.model.parameters(), *model.model.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _answer(model: Signed, *x: Tensor) -> None:
    answer = model(*x)
    if answer.device.type == "cuda":
        torch.cuda.synchronize(answer.device)
