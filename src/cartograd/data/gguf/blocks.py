r"""Blocks of quantised numbers, as GGUF files keep them, back into float32.

Numbers lie in blocks of 32 with a scale (and, in the kinds that end in 1, a least value), or of 256
in eight or sixteen parts whose scales are quantised in turn (the kinds that end in K):

    Q8_0, Q4_0, Q5_0: x = d (q - zero)      Q4_1, Q5_1: x = d q + m
    Q4_K, Q5_K: x = d s_j q - e m_j         Q6_K: x = d s_j (q - 32)
    MXFP4: x = 2^(s - 127) v(q),   v = 0, 0.5, 1, 1.5, 2, 3, 4, 6 and the same below zero

All blocks of a tensor are unpacked at once, and each number is the one that the reference package
`gguf` gives, bit for bit.

References:
    Georgi Gerganov et al.: GGUF, 2023. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
    Open Compute Project. OCP microscaling formats (MX) specification 1.0. 2023 (MXFP4).
    https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf

>>> block = torch.zeros(1, 34, dtype=torch.uint8)  # Q8_0: a scale in float16, 32 signed bytes
>>> block[0, :4] = torch.tensor([0, 60, 3, 254])  # 60 * 256 is 1.0 in float16
>>> dequantised(block, "Q8_0")[:3].tolist()
[3.0, -2.0, 0.0]
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor


def dequantised(blocks: UInt8[Tensor, "n c"], kind: str, /) -> Float[Tensor, " m"]:
    """The numbers of all blocks, in float32.

    Args:
        blocks: the bytes of a block in each row.
        kind: one of `KINDS`.
    """
    return KINDS[kind][2](blocks).flatten()


def _f16(blocks: Tensor, start: int) -> Tensor:
    """The half-precision number at a byte of each block."""
    return blocks[:, start : start + 2].contiguous().view(torch.float16).float()


def _nibbles(packed: Tensor) -> Tensor:
    """The low halves of bytes, then the high halves."""
    return torch.cat([packed & 15, packed >> 4], -1).float()


def _fifth(packed: Tensor) -> Tensor:
    """The bits of four bytes, each worth 16."""
    bits = packed[:, :, None] >> torch.arange(8, dtype=torch.uint8) & 1
    return bits.flatten(1).float() * 16


def _q8_0(blocks: Tensor) -> Tensor:
    return _f16(blocks, 0) * blocks[:, 2:].contiguous().view(torch.int8).float()


def _q4_0(blocks: Tensor) -> Tensor:
    return _f16(blocks, 0) * (_nibbles(blocks[:, 2:]) - 8)


def _q4_1(blocks: Tensor) -> Tensor:
    return _f16(blocks, 0) * _nibbles(blocks[:, 4:]) + _f16(blocks, 2)


def _q5_0(blocks: Tensor) -> Tensor:
    return _f16(blocks, 0) * (_nibbles(blocks[:, 6:]) + _fifth(blocks[:, 2:6]) - 16)


def _q5_1(blocks: Tensor) -> Tensor:
    q = _nibbles(blocks[:, 8:]) + _fifth(blocks[:, 4:8])
    return _f16(blocks, 0) * q + _f16(blocks, 2)


def _scales(packed: Tensor) -> tuple[Tensor, Tensor]:
    """Eight scales and eight least values of six bits each, packed into twelve bytes."""
    first, second, last = packed.split(4, 1)
    scales = torch.cat([first & 63, (last & 15) | (first >> 6 << 4)], 1)
    least = torch.cat([second & 63, (last >> 4) | (second >> 6 << 4)], 1)
    return scales.float(), least.float()


def _k(blocks: Tensor, q: Tensor) -> Tensor:
    """`x = d s q - e m` over the eight parts of a block."""
    scales, least = _scales(blocks[:, 4:16])
    d, e = _f16(blocks, 0) * scales, _f16(blocks, 2) * least
    return d[..., None] * q - e[..., None]


def _parts(packed: Tensor) -> Tensor:
    """Bytes in groups of 32 as eight parts: the low halves of a group, then its high halves."""
    groups = packed.unflatten(1, (4, 1, 32))
    return torch.cat([groups & 15, groups >> 4], 2).flatten(1, 2)


def _q4_k(blocks: Tensor) -> Tensor:
    return _k(blocks, _parts(blocks[:, 16:]).float())


def _q5_k(blocks: Tensor) -> Tensor:
    high = blocks[:, None, 16:48] >> torch.arange(8, dtype=torch.uint8)[:, None] & 1
    return _k(blocks, (_parts(blocks[:, 48:]) | high << 4).float())


def _q6_k(blocks: Tensor) -> Tensor:
    low = blocks[:, :128].unflatten(1, (2, 1, 64))
    low = torch.cat([low & 15, low >> 4], 2).unflatten(3, (2, 32)).flatten(2, 3)
    shifts = torch.tensor([0, 2, 4, 6], dtype=torch.uint8)[:, None]
    high = blocks[:, 128:192].unflatten(1, (2, 1, 32)) >> shifts & 3
    q = (low | high << 4).flatten(1).float() - 32
    scales = blocks[:, 192:208].contiguous().view(torch.int8).float()
    return (_f16(blocks, 208) * scales)[..., None] * q.unflatten(1, (16, 16))


SIZES = (0, 1, 2, 3, 4, 6, 8, 12)
"""Twice what the low three bits of a number of MXFP4 mean; the highest bit is the sign."""


def _mxfp4(blocks: Tensor) -> Tensor:
    shared = blocks[:, :1].int()
    # Half a power of two as the bits of a float32, of which the two smallest have no exponent.
    bits = torch.where(shared < 2, 0x200000 << shared, (shared - 1) << 23)
    values = torch.tensor([*SIZES, *(-one for one in SIZES)], dtype=torch.float32)
    return bits.view(torch.float32) * values[_nibbles(blocks[:, 1:]).int()]


Unpack = Callable[[Tensor], Tensor]

KINDS: dict[str, tuple[int, int, Unpack]] = {
    "Q4_0": (32, 18, _q4_0),
    "Q4_1": (32, 20, _q4_1),
    "Q5_0": (32, 22, _q5_0),
    "Q5_1": (32, 24, _q5_1),
    "Q8_0": (32, 34, _q8_0),
    "MXFP4": (32, 17, _mxfp4),
    "Q4_K": (256, 144, _q4_k),
    "Q5_K": (256, 176, _q5_k),
    "Q6_K": (256, 210, _q6_k),
}
"""Numbers of a block, its bytes, and how it is unpacked."""
