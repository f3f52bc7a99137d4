"""Figures of this machine: measured once, and kept in the user's cache."""

import json
import platform
from contextlib import suppress
from pathlib import Path

import torch

from cartograd.core.cache import cache_folder
from cartograd.core.errors import UsageError
from cartograd.core.files import write_file


def known(name: str, /) -> dict[str, float]:
    """What a file of the cache says; nothing where it is damaged or none."""
    try:
        found = json.loads((cache_folder() / name).read_text(encoding="utf-8"))
        return {str(key): float(value) for key, value in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def keep(name: str, figures: dict[str, float], /) -> None:
    """Keep figures beside those that are known; where that cannot be, they are measured again."""
    with suppress(UsageError):
        write_file(cache_folder() / name, json.dumps(known(name) | figures, indent=1))


def machine(device: torch.device, /) -> str:
    """What computes: the GPU's name, or the processor's."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
