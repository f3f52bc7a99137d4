"""What this machine is and how fast it is at this moment."""

import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PACKAGES = (
    "torch", "numpy", "accelerate", "captum", "foolbox", "keras", "lightning", "outlines",
    "peft", "torchdata", "transformers", "trl", "xgrammar", "xllamacpp",
)  # fmt: skip
SIZE = 768
"""Rows of the matrices by whose product a quiet machine is known."""
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8")


def machine(threads: int, /) -> dict[str, Any]:
    """Processor, its flags, threads, memory, versions and the date."""
    fields = dict(
        (part.strip() for part in line.split(":", 1))
        for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
        if ":" in line
    )
    flags = fields.get("flags", "").split()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": f"{fields.get('model name', platform.processor())}, {os.cpu_count()} cores",
        "flags": [flag for flag in FLAGS if flag in flags],
        "threads": threads,
        "memory_gb": round(memory / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
    }


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def probe() -> dict[str, float]:
    """Best of many: multiplying and adding (GFLOP/s), read of cache and memory (GB/s).

    One thread. Memory is shared with whoever else runs on the same chip, so its reading is told
    but does not decide whether a round was quiet.
    """
    import torch

    from cartograd.engine.device.peak import fastest

    torch.set_num_threads(1)
    found, place = {}, torch.device("cpu")
    for name, dtype in (("peak_f32", torch.float32), ("peak_bf16", torch.bfloat16)):
        found[name] = fastest(dtype, place, seconds=0.6) / 1e9
    a = torch.ones(SIZE, SIZE)
    found["gemm"] = 2 * SIZE**3 / _best(lambda: a @ a, 100) / 1e9
    for name, numbers, repeats in (("cache", 2**20, 400), ("memory", 2**24, 40)):
        block = torch.ones(numbers)
        found[name] = block.nbytes / _best(block.sum, repeats) / 1e9
    return found


def reading() -> dict[str, float]:
    """A probe taken in a process of its own, so that the runner itself stays small.

    (A child's peak memory is counted from its parent's at the moment it is started.)
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.probe"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def _best(work: Any, repeats: int) -> float:
    times = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times[2:])


if __name__ == "__main__":
    print(json.dumps(probe()))
