"""The fastest that this machine multiplies and adds: what a run's speed is measured against.

The share of a machine's peak that a run reaches says how much is left to gain. The peak is not
taken from a data sheet but measured, with the run's number format and threads, and kept in the
user's cache until the machine or torch changes.
"""

import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from cartograd.engine.device.device import HALVES
from cartograd.engine.device.measured import keep, known, machine

FILE = "peak.json"
"""Of the cache."""

SECONDS = 0.5
"""How long the product is repeated; the best counts."""
SIDES = {"cpu": 768, "cuda": 8192, "mps": 2048}
"""Rows of the square matrices: enough to fill the device, small enough for its caches."""
IMAGES = (32, 128, 16, 16)
"""Shape of the images of the convolution."""
DTYPES = {"float32": torch.float32, **HALVES}

Timer = Callable[[Callable[[], Any], float], float]
"""What times a call: the shortest of those that fit into so many seconds."""


def peak(precision: str, device: torch.device, /, *, at_least: float = 0.0) -> float:
    """Floating-point operations a second at best, measured once a machine.

    Args:
        precision: `float32`, `bf16` or `fp16`.
        device: which one.
        at_least: a speed that was reached; a kept peak below it is measured anew.
    """
    key = " | ".join(
        [machine(device), precision, f"{torch.get_num_threads()} threads", torch.__version__]
    )
    kept = known(FILE)
    if key in kept and kept[key] >= at_least:
        return kept[key]
    speed = max(fastest(DTYPES[precision], device), kept.get(key, 0.0))
    keep(FILE, {key: speed})
    return speed


def fastest(
    dtype: torch.dtype, device: torch.device, /, *, seconds: float = SECONDS,
    timer: Timer | None = None,
) -> float:  # fmt: skip
    """Operations a second of the best of many matrix products and 3x3 convolutions.

    Both, as they are different libraries on some processors: a product of floats can be slower
    there than the convolutions of a network.

    Args:
        dtype: of the numbers.
        device: on what they are.
        seconds: how long both are repeated.
        timer: what times a call.
    """
    side = SIDES[device.type]
    a = torch.ones(side, side, dtype=dtype, device=device)
    images = torch.ones(*IMAGES, dtype=dtype, device=device)
    channels = IMAGES[1]
    kernel = torch.ones(channels, channels, 3, 3, dtype=dtype, device=device)
    works = (lambda: torch.mm(a, a), lambda: F.conv2d(images, kernel, padding=1))
    with torch.inference_mode():
        product, convolution = (
            (timer or shortest)(finished(work, device), seconds / 2) for work in works
        )
    return max(2 * side**3 / product, 2 * 9 * channels * images.numel() / convolution)


def shortest(call: Callable[[], Any], seconds: float, /) -> float:
    """The shortest time of many calls, of three at least."""
    best, tried, end = float("inf"), 0, time.perf_counter() + seconds
    while tried < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
        tried += 1
    return best


def finished(call: Callable[[], Any], device: torch.device, /) -> Callable[[], Any]:
    """A call that ends when its work does: a GPU is only told what to do."""
    if device.type != "cuda":
        return call

    def whole() -> None:
        call()
        torch.cuda.synchronize(device)

    return whole
