r"""GGUF files, written: a header of named values, the list of tensors, and their bytes.

Numbers are kept as they are (F32), in half precision (F16), or in blocks of 32 with one scale:

    Q8_0: d = max |x| / 127, q = round(x / d)        Q4_0: d = -x_m / 8, q = trunc(x / d + 8.5)

where x_m is the number of the largest size in the block, with its sign: it becomes -8, the one end
of four bits that the other has not. Scales are in half precision; blocks are those of the reference
package `gguf`, bit for bit.

References:
    Georgi Gerganov et al.: GGUF, 2023. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

>>> quantised(torch.linspace(-1, 1, 32), "Q8_0").shape  # a scale in two bytes, 32 of one
torch.Size([1, 34])
"""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from cartograd.core.errors import UsageError
from cartograd.core.files import write_file
from cartograd.data.gguf.reader import TYPES

BLOCK = 32
"""Numbers with one scale."""

ALIGN = 32
"""Bytes of which each tensor begins at a multiple."""

HALF = torch.finfo(torch.float16).max
"""The largest number of half precision."""

NUMBERS = {kind: number for number, kind in TYPES.items()}
"""What the format calls its types."""


def write_gguf(
    path: str | Path, values: Mapping[str, Any], tensors: Mapping[str, tuple[Tensor, str]], /
) -> Path:
    """Write a file, whole or not at all.

    Args:
        path: the file; an older one of the name is replaced.
        values: of the header; whole numbers are kept in 32 bits, others in single precision.
        tensors: each with its type, of `F32`, `F16`, `Q8_0` and `Q4_0`.

    Raises:
        UsageError: a number is too large for its type, or the file cannot be written.
    """
    header = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(values))]
    header += [_text(name) + _value(value) for name, value in values.items()]
    start, body = 0, list[bytes]()
    for name, (tensor, kind) in tensors.items():
        content = _bytes(name, tensor, kind)
        dims = tuple(reversed(tensor.shape))
        form = f"<I{len(dims)}QIQ"
        header.append(_text(name) + struct.pack(form, len(dims), *dims, NUMBERS[kind], start))
        body.append(_filled(content))
        start += len(body[-1])
    return write_file(path, b"".join([_filled(b"".join(header)), *body]))


def quantised(x: Float[Tensor, "..."], kind: str, /) -> UInt8[Tensor, "n c"]:
    """Numbers in blocks of 32, in the order in which they lie.

    Args:
        x: a multiple of 32 numbers.
        kind: `Q8_0` or `Q4_0`.
    """
    blocks = x.detach().float().reshape(-1, BLOCK)
    return _q8_0(blocks) if kind == "Q8_0" else _q4_0(blocks)


def _q8_0(blocks: Tensor) -> Tensor:
    d = blocks.abs().amax(1, keepdim=True) / 127
    x = blocks * _inverse(d)
    q = x.abs().add(0.5).floor().copysign(x)  # halves away from zero
    return torch.cat([_half(d), q.to(torch.int8).view(torch.uint8)], 1)


def _q4_0(blocks: Tensor) -> Tensor:
    d = blocks.gather(1, blocks.abs().argmax(1, keepdim=True)) / -8
    q = (blocks.double() * _inverse(d).double() + 8.5).trunc().clamp(0, 15).to(torch.uint8)
    low, high = q.chunk(2, 1)
    return torch.cat([_half(d), low | high << 4], 1)


def _inverse(d: Tensor) -> Tensor:
    return torch.where(d == 0, 0.0, 1 / d)


def _half(d: Tensor) -> Tensor:
    return d.half().view(torch.uint8)


def _bytes(name: str, tensor: Tensor, kind: str) -> bytes:
    tensor = tensor.detach().cpu()
    largest = float(tensor.abs().max()) if tensor.numel() else 0.0
    limit = {"F32": float("inf"), "F16": HALF, "Q8_0": HALF * 127, "Q4_0": HALF * 8}[kind]
    if not largest <= limit:
        raise UsageError(f"{name} holds {largest:g}, and the largest number of {kind} is {limit:g}")
    if kind == "F32":
        found = tensor.float().contiguous()
    else:
        found = tensor.half().contiguous() if kind == "F16" else quantised(tensor, kind)
    return found.numpy().tobytes()


def _filled(content: bytes) -> bytes:
    """With zeros up to where the next may begin."""
    return content + bytes(-len(content) % ALIGN)


def _text(text: str) -> bytes:
    content = text.encode()
    return struct.pack("<Q", len(content)) + content


def _value(value: Any) -> bytes:
    if isinstance(value, list):
        kind, form = (8, "") if not value or isinstance(value[0], str) else (5, "i")
        if value and isinstance(value[0], float):
            kind, form = 6, "f"
        head = struct.pack("<IIQ", 9, kind, len(value))
        if kind == 8:
            return head + b"".join(map(_text, value))
        return head + struct.pack(f"<{len(value)}{form}", *value)
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    return (
        struct.pack("<I", 8) + _text(value)
        if isinstance(value, str)
        else struct.pack("<If", 6, value)
    )
