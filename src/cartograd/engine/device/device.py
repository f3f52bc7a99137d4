"""Which device to run on, and which precision it can keep up with."""

import os
import shutil
import sys
import warnings
from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from cartograd.core.errors import UsageError, unknown
from cartograd.core.kernels import Choice, cases, close, right
from cartograd.engine.device.allocator import keep_freed_memory
from cartograd.engine.device.names import check_device

HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}
"""Formats of 16 bits in which products are made."""
EMULATED = {f"{name}-emulated": dtype for name, dtype in HALVES.items()}
"""The same where the device has no arithmetic for them: to see what they do to a model."""
PRECISIONS = ("auto", "float32", *HALVES, *EMULATED)


def pick(name: str = "auto", /) -> torch.device:
    """The device that a name stands for: `auto` takes a GPU if there is one.

    From then on a process on the CPU keeps the memory that it frees (see `allocator`).

    Raises:
        UsageError: the name is unknown, or this machine has no such device.
    """
    device = _named(name)
    if device.type == "cpu":
        keep_freed_memory()
    return device


def _named(name: str) -> torch.device:
    check_device(name)
    base, _, number = name.partition(":")
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if base == "auto" and not number:
        return torch.device(next(kind for kind, there in present.items() if there))
    if not present[base]:
        have = ", ".join(kind for kind, there in present.items() if there)
        raise UsageError(f"device {name!r} is not present here; this machine has: {have}")
    if base == "cuda" and number and int(number) >= torch.cuda.device_count():
        raise UsageError(f"device {name!r} is not present; there are {torch.cuda.device_count()}")
    return torch.device(name)


def fast_bf16(device: torch.device, /) -> bool:
    """Whether the device computes bfloat16 natively; else torch emulates it, very slowly."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "mps":
        return True
    able = torch.cpu.get_capabilities()
    return any(able.get(key, False) for key in ("avx512_bf16", "amx_bf16", "bf16"))


@cache
def exact_bf16(kind: str, /) -> bool:
    """Whether bfloat16 products, those of the gradients too, are right on a kind of device.

    It is tried on processors; a GPU has one kind of kernel for all.
    """
    if kind != "cpu":
        return True
    small = torch.bfloat16
    step = torch.finfo(small).eps

    def product(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.linear(x.to(small), weight.to(small), bias.to(small)).float()

    with torch.inference_mode(False), torch.enable_grad():
        if not right(product, dtype=small, rows=(1, 5)):
            return False
        for x, weight, _ in cases(rows=(5,)):
            x, weight = (number.to(small).requires_grad_() for number in (x, weight))
            y = F.linear(x, weight)
            ones = torch.ones_like(y)
            of_x, of_weight = torch.autograd.grad(y, (x, weight), ones)
            if not (
                close(of_x, ones, weight.detach().t(), None, rounding=step)
                and close(of_weight, ones.t(), x.detach().t(), None, rounding=step)
            ):
                return False
    return True


def choice(device: torch.device, /) -> Choice:
    """What computes under `precision=bf16`, and under `auto` where half precision pays."""
    task, kind = "bf16 training", device.type
    if not fast_bf16(device):
        return Choice(task, "float32", "float32", f"{kind} has no bfloat16 arithmetic here")
    if not exact_bf16(kind):
        return Choice(task, "float32", "float32", f"{kind} multiplies wrongly in bfloat16 here")
    return Choice(task, "bfloat16", "float32", f"{kind} has arithmetic for it, which is right")


def check_precision(name: str, device: torch.device, /) -> str:
    """The precision to compute in: for `bf16`, where it is slow or wrong, float32 and a warning.

    `auto` stays open until the first batch (see `cartograd.engine.loop.precision`).

    Raises:
        UsageError: the name is unknown, is half precision on a processor, where it is many times
            slower than float32, or is emulated where the device multiplies wrongly.
    """
    name = {"float16": "fp16", "half": "fp16"}.get(name, name)
    if name not in PRECISIONS:
        raise unknown("precision", name, PRECISIONS)
    if name == "fp16" and device.type == "cpu":
        raise UsageError(
            "precision=fp16 is for GPUs: on a processor it is many times slower than float32; use "
            "'bf16' or 'float32' there, or 'fp16-emulated' to see what it does to the accuracy"
        )
    if name == "bf16-emulated" and not exact_bf16(device.type):
        raise UsageError(
            f"precision=bf16-emulated: {device.type} multiplies wrongly in bfloat16 here; use "
            "'float32'"
        )
    if name == "bf16" and (found := choice(device)).chosen == "float32":
        warnings.warn(f"{found.reason}: computing in float32", stacklevel=3)
        return "float32"
    return name


def autocast(precision: str, device: torch.device, /) -> AbstractContextManager[object]:
    """The context in which forward passes run."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=(HALVES | EMULATED)[precision])


def check_compiler() -> None:
    """Make sure that `torch.compile` will find the C++ compiler that it calls.

    Raises:
        UsageError: there is none on the path.
    """
    usual = {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    wanted = os.environ.get("CXX", usual)
    if shutil.which(wanted) is None:
        raise UsageError(
            f"compiling needs a C++ compiler and {wanted!r} is not on the path; install it "
            "(Debian: apt install g++), set CXX, or train without compiling"
        )
