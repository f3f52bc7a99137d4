"""How long a model takes for one example."""

import time
from statistics import median

import torch
from jaxtyping import Shaped
from torch import Tensor

from cartograd.core.eval_mode import inferring
from cartograd.core.signed import Signed
from cartograd.engine.device.visit import visiting

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


def _answer(model: Signed, *x: Tensor) -> None:
    answer = model(*x)
    if answer.device.type == "cuda":
        torch.cuda.synchronize(answer.device)
