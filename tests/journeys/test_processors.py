"""The same answers on every kind of processor.

A process is told to take this machine for a lesser one: `ATEN_CPU_CAPABILITY` steers torch's own
kernels, the other two those of oneDNN and FBGEMM, which do the integer products.
"""

import json
import os
import platform
import subprocess
import sys

import pytest

KINDS = {
    "the machine's own": {},
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "FBGEMM_ENABLE_INSTRUCTIONS": "AVX2",
    },
    "default": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "FBGEMM_ENABLE_INSTRUCTIONS": "AVX2",
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kernel_and_its_fallback_is_right(kind):
    done = subprocess.run(
        [sys.executable, "-m", "tests.journeys.processors"],
        env={**os.environ, **KINDS[kind]}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert not found["failed"], "\n".join(found["failed"].values())
    if platform.machine() == "x86_64" and KINDS[kind]:
        assert found["processor"] in ("DEFAULT", kind.upper())
