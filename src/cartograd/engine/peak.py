"""The fastest that this machine multiplies matrices: what a run's speed is measured against.

The share of a machine's peak that a run reaches says how much is left to gain. The peak is not
taken from a data sheet but measured, with the run's number format and threads, and kept in the
user's cache until the machine or torch changes.
"""

import json
import platform
import time
from contextlib import suppress
from pathlib import Path

import torch

from cartograd.core.cache import cache_folder
from cartograd.core.errors import UsageError
from cartograd.core.files import write_file

SECONDS = 0.5
"""How long the product is repeated; the best counts."""
SIDES = {"cpu": 768, "cuda": 8192, "mps": 2048}
"""Rows of the square matrices: enough to fill the device, small enough for its caches."""
DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}


def peak(precision: str, device: torch.device, /, *, at_least: float = 0.0) -> float:
    """Floating-point operations a second of the best matrix product, measured once a machine.

    Args:
        precision: `float32` or `bf16`.
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
    found = max(gemm(DTYPES[precision], device), known.get(key, 0.0))
    with suppress(UsageError):  # a cache that cannot be written is measured again next time
        write_file(path, json.dumps(_known(path) | {key: found}, indent=1))
    return found


def gemm(dtype: torch.dtype, device: torch.device, /, *, seconds: float = SECONDS) -> float:
    """Operations a second of the best of many products of two square matrices."""
    side = SIDES[device.type]
    a = torch.ones(side, side, dtype=dtype, device=device)
    best = float("inf")
    with torch.inference_mode():
        end = time.perf_counter() + seconds
        tried = 0
        while tried < 3 or time.perf_counter() < end:
            _wait(device)
            start = time.perf_counter()
            torch.mm(a, a)
            _wait(device)
            best = min(best, time.perf_counter() - start)
            tried += 1
    return 2 * side**3 / best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _known(path: Path) -> dict[str, float]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): float(value) for key, value in found.items()}


def _name(device: torch.device) -> str:
    """What computes: the GPU's name, or the processor's."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
