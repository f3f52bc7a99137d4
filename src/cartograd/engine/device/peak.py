"""The fastest that this machine multiplies and adds: what a run's speed is measured against.

The share of a machine's peak that a run reaches says how much is left to gain. The peak is not
taken from a data sheet but measured, with the run's number format and threads, and kept in the
user's cache until the machine or torch changes.
"""

import json
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch
import torch.nn.functional as F

from cartograd.core.cache import cache_folder
from cartograd.core.errors import UsageError
from cartograd.core.files import write_file
from cartograd.engine.device.device import HALVES

SECONDS = 0.5
"""How long the product is repeated; the best counts."""
SIDES = {"cpu": 768, "cuda": 8192, "mps": 2048}
"""Rows of the square matrices: enough to fill the device, small enough for its caches."""
IMAGES = (32, 128, 16, 16)
"""Shape of the images of the convolution."""
DTYPES = {"float32": torch.float32, **HALVES}


def peak(precision: str, device: torch.device, /, *, at_least: float = 0.0) -> float:
    """Floating-point operations a second at best, measured once a machine.

    Args:
        precision: `float32`, `bf16` or `fp16`.
        device: which one.
        at_least: a speed that was reached; a kept peak below it is measured anew.
    """
    path = cache_folder() / "peak.json"
    key = " | ".join(
        [_name(device), precision, f"{torch.get_num_threads()} threads", torch.__version__]
    )
    known = _known(path)
    if key in known and known[key] >= at_least:
        return known[key]
    speed = max(fastest(DTYPES[precision], device), known.get(key, 0.0))
    with suppress(UsageError):  # a cache that cannot be written is measured again next time
        write_file(path, json.dumps(_known(path) | {key: speed}, indent=1))
    return speed


def fastest(dtype: torch.dtype, device: torch.device, /, *, seconds: float = SECONDS) -> float:
    """Operations a second of the best of many matrix products and 3x3 convolutions.

    Both, as they are different libraries on some processors: a product of floats can be slower
    there than the convolutions of a network.
    """
    side = SIDES[device.type]
    a = torch.ones(side, side, dtype=dtype, device=device)
    images = torch.ones(*IMAGES, dtype=dtype, device=device)
    channels = IMAGES[1]
    kernel = torch.ones(channels, channels, 3, 3, dtype=dtype, device=device)
    with torch.inference_mode():
        product = _best(lambda: torch.mm(a, a), device, seconds / 2)
        convolution = _best(lambda: F.conv2d(images, kernel, padding=1), device, seconds / 2)
    return max(2 * side**3 / product, 2 * 9 * channels * images.numel() / convolution)


def _best(work: Callable[[], object], device: torch.device, seconds: float) -> float:
    """The shortest time of many."""
    best, tried, end = float("inf"), 0, time.perf_counter() + seconds
    while tried < 3 or time.perf_counter() < end:
        _wait(device)
        start = time.perf_counter()
        work()
        _wait(device)
        best = min(best, time.perf_counter() - start)
        tried += 1
    return best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _known(path: Path) -> dict[str, float]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): float(value) for key, value in known.items()}


def _name(device: torch.device) -> str:
    """What computes: the GPU's name, or the processor's."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
