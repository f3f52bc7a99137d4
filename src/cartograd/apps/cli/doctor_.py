"""Versions, devices, kernels, caches and optional packages."""

import dataclasses
import importlib.util
import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from cartograd import __version__
from cartograd.apps.cli import output
from cartograd.apps.cli.following import following

OPTIONAL = {
    "onnx": "export",
    "onnxruntime": "export",
    "onnxscript": "export",
    "openpyxl": "tables",
    "pyarrow": "tables",
    "rdata": "tables",
}
"""Packages that one can do without, and the extra that brings them."""


def doctor_(*, json: bool = False) -> None:
    """Versions, devices, the kernels chosen on this machine, caches and optional packages.

    Args:
        json: print one object.
    """
    found = {
        "cartograd": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        **_torch(),
        "kernels": _kernels(),
        "cache": _cache(),
        "compiler": _compiler(),
        "optional": {name: _version(name) for name in OPTIONAL},
    }
    if json:
        output.emit(found)
        return
    optional, kernels = found.pop("optional"), found.pop("kernels")
    output.lines([(key, _text(value)) for key, value in found.items()])
    for one in kernels:
        other = f"else {one['fallback']}" if one["fallback"] != one["chosen"] else "the fallback"
        output.say(f"  {one['task']}: {one['chosen']} ({other}): {one['reason']}")
    for name, here in optional.items():
        shown = here or f"not installed (pip install cartograd[{OPTIONAL[name]}])"
        output.say(f"  {name}: {shown}")
    output.lines(following("tour"))


def _torch() -> dict[str, Any]:
    import torch

    from cartograd.engine.device.device import choice, pick

    chosen = pick()
    devices = ["cpu"]
    devices += [
        f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())
    ]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return {
        "torch": torch.__version__,
        "devices": devices,
        "device": str(chosen),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "bf16": choice(chosen).chosen == "bfloat16",
    }


def _kernels() -> list[dict[str, str]]:
    """What each choice between kernels fell on here, what it would fall back on, and why."""
    from cartograd.architectures.transformer import eager_attention, few_tokens_proof
    from cartograd.core import onednn_linear
    from cartograd.engine.device import device
    from cartograd.practice.compression import (
        fast_weights,
        few_gelu,
        few_rows,
        group_linear,
        int8_linear,
        integer_kernels,
    )
    from cartograd.training.regularization import dropout

    here = device.pick()
    found = (
        onednn_linear.choice(),
        device.choice(here),
        eager_attention.choice(here),
        dropout.choice(here),
        *map(fast_weights.choice, ("float16", "bf16")),
        *map(few_rows.choice, few_rows.BITS),
        few_gelu.choice(),
        few_tokens_proof.choice(),
        int8_linear.choice(),
        *map(integer_kernels.choice, (2, 4)),
        group_linear.choice(),
    )
    return [dataclasses.asdict(one) for one in found]


def _cache() -> dict[str, Any]:
    from cartograd.data.store.packages import cache_folder

    folder = cache_folder()
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return {"path": str(folder), "bytes": size}


def _compiler() -> str | None:
    """The C++ compiler that `--set compile=true` would call."""
    return shutil.which(os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++"))


def _version(package: str) -> str | None:
    if importlib.util.find_spec(package) is None:
        return None
    try:
        return version(package)
    except PackageNotFoundError:
        return "installed"


def _text(value: Any) -> str:
    from cartograd.apps.answers import units

    if isinstance(value, dict):
        return f"{value['path']} ({units.size(value['bytes'])})"
    if isinstance(value, list):
        return ", ".join(value)
    if value is None or isinstance(value, bool):
        return {True: "yes", False: "no", None: "none"}[value]
    return str(value)
