r"""GELU of a few rows, compiled on this machine: what stands between two rounded layers.

Between products of whole numbers torch's GELU takes 6 to 8 us of a row of 3,072, and this one 2.5
(one thread of an EPYC with AVX-512, 2026-11). So, where a
compiler is there (`c_library`), a file of C (`few_gelu.c`) computes it, if it is right on this
machine over the whole range of floats and quicker than torch's.

    erf    x (1 + erf(x / sqrt 2)) / 2
    tanh   x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2

Right means within `OFF` units in the last place of x of the exact value (found: 0.8 of erf, 0.94
of tanh; torch's are within 3 and 1.3).

Shapes: any.

References:
    Dan Hendrycks, Kevin Gimpel. Gaussian error linear units (GELUs). 2016.
    https://arxiv.org/abs/1606.08415
"""

import ctypes
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.kernels import Choice
from cartograd.engine.device.c_library import c_library
from cartograd.practice.compression import few_rows
from cartograd.practice.compression.quicker import floats_are

SOURCE = Path(__file__).with_name("few_gelu.c")

OFF = 1.5
"""Units in the last place of x by which an answer may be off."""

COUNTS = 1024, 4 * 3072
"""Numbers of which the two are timed."""

Form = Literal["none", "tanh"]
"""As torch names them: `none` is that of erf."""

FORMS: tuple[Form, ...] = ("none", "tanh")


def into(x: Float[Tensor, "..."], y: Float[Tensor, "..."], form: Form, /) -> None:
    """GELU of float32 numbers without gaps, written into others, which may be the same.

    Args:
        x: numbers.
        y: what is written, of the same size.
        form: of erf (`none`) or of tanh.
    """
    _call()(x.data_ptr(), y.data_ptr(), x.numel(), form == "tanh", torch.get_num_threads())


@cache
def _call() -> Any:
    library = c_library(SOURCE).library
    assert library is not None
    call = library.gelus
    call.argtypes = [*[ctypes.c_void_p] * 2, ctypes.c_int64, *[ctypes.c_int] * 2]
    call.restype = None
    return call


@cache
def taken(form: Form, /) -> bool:
    """Whether the compiled form is there, right, and quicker than torch's on this machine."""
    return exact(form) and quicker(form)


def quicker(form: Form, /) -> bool:
    """Whether it takes clearly less time than torch's, of few numbers as of many."""
    return all(
        floats_are(
            f"gelu, {form}, of {count} numbers, compiled",
            lambda x=x: F.gelu(x, approximate=form),
            lambda x=x: into(x, torch.empty_like(x), form),
        )
        for count in COUNTS
        for x in [torch.linspace(-4, 4, count)]
    )  # fmt: skip


@cache
def exact(form: Form, /) -> bool:
    """Whether the compiled form is there and right, over all sizes of floats of both signs."""
    if c_library(SOURCE).library is None:
        return False
    x = spread()
    with torch.inference_mode():
        into(x, y := torch.empty_like(x), form)
        finite = bool((off(y, x, form) <= OFF).all())
        ends = torch.tensor([torch.inf, torch.nan, -torch.inf])
        into(ends, ends, form)
    return finite and ends[0].item() == torch.inf and bool(ends[1:].isnan().all())


def spread(step: int = 2**16 - 1, /) -> Float[Tensor, " n"]:
    """Floats of all sizes and both signs: every so many bit patterns of those that are numbers."""
    largest = torch.tensor(torch.finfo(torch.float32).max).view(torch.int32).item()
    positive = torch.arange(0, int(largest) + 1, step, dtype=torch.int32).view(torch.float32)
    return torch.cat([positive, -positive])


def off(y: Float[Tensor, " n"], x: Float[Tensor, " n"], form: Form, /) -> Float[Tensor, " n"]:
    """How far answers are from the exact ones, in units in the last place of x.

    Args:
        y: answers.
        x: what they are of.
        form: of erf or of tanh.
    """
    wide = x.double()
    if form == "none":
        exact = wide * torch.erfc(-wide / math.sqrt(2)) / 2
    else:
        inner = math.sqrt(8 / math.pi) * (wide + 0.044715 * wide**3)
        exact = wide * inner.sigmoid()
    unit = 2.0 ** (torch.frexp(x)[1].double() - 24).clamp(min=-149)
    return (y.double() - exact).abs() / unit


@dataclass(frozen=True)
class Quick:
    """GELU that is compiled for a few rows in inference, and else the usual one.

    Attributes:
        usual: what computes it otherwise.
        form: of erf (`none`) or of tanh.
    """

    usual: Callable[[Tensor], Tensor]
    form: Form

    def __call__(self, x: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
        """GELU of each number."""
        if not _plain(x) or not taken(self.form):
            return self.usual(x)
        y = torch.empty_like(x)
        into(x, y, self.form)
        return y


def _plain(x: Tensor) -> bool:
    if not x.numel() or not x.ndim:
        return False
    return few_rows.readable(x.reshape(-1, x.shape[-1]), x.shape[-1]) and x.is_contiguous()


class CompiledGELU(nn.GELU):
    """The module of it.

    Args:
        approximate: as of `torch.nn.GELU`.
    """

    def __init__(self, approximate: str = "none"):
        super().__init__(approximate)
        self.form: Form = "tanh" if approximate == "tanh" else "none"
        self.quick = Quick(super().forward, self.form)

    def forward(self, input: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """GELU of each number."""
        return self.quick(input)


def choice() -> Choice:
    """What computes GELU between rounded layers on this machine."""
    task, usual, found = "GELU between rounded layers", "torch's", c_library(SOURCE)
    if found.library is None:
        return Choice(task, usual, usual, found.told)
    if not all(map(exact, FORMS)):
        return Choice(task, usual, usual, f"{found.told}, and wrong here")
    return Choice(task, "C, where it is quicker", usual, f"within {OFF:g} ulp of x; {found.told}")
