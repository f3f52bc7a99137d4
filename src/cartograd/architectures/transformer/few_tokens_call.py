"""Calls of the compiled step between a layer's products, and its memory (see `few_tokens`)."""

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

from cartograd.engine.device.c_library import c_library

SOURCE = Path(__file__).with_name("few_tokens.c")

SIZES = (
    "rows", "dim", "heads", "groups", "width", "experts", "room", "row", "head", "token", "places",
    "centred",
)  # fmt: skip
FACTORS = "eps", "scale", "cap"
FLOATS = (
    "x", "more", "hidden", "joint", "answer", "scores", "gates", "gated", "fits", "some", "one",
    "shares", "share",
)  # fmt: skip
NUMBERS = "which", "chosen", "counts", "starts"
"""Names of the parts of `Step`, in their order; those of memory are tensors."""


class Step(ctypes.Structure):
    """What all layers share."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in SIZES),
        *((name, ctypes.c_double) for name in FACTORS),
        *((name, ctypes.c_void_p) for name in (*FLOATS, *NUMBERS, "slots")),
    )


class Layer(ctypes.Structure):
    """What attention of one layer differs in."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("both", "turns", "sinks")),
        *((name, ctypes.c_int64) for name in ("apart", "window")),
    )


@cache
def library() -> Any:
    """The calls, where they are there."""
    made = c_library(SOURCE).library
    assert made is not None
    at, number, flag = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
    made.normed.argtypes = [at, at, at, flag]
    made.attend.argtypes = [at, at, at, number, flag]
    made.gate.argtypes = [at, number, number, flag]
    made.choose.argtypes = [at, number, flag]
    made.collect.argtypes = made.spread.argtypes = [at, number, number]
    for call in (made.normed, made.attend, made.gate, made.choose, made.collect, made.spread):
        call.restype = None
    return made
