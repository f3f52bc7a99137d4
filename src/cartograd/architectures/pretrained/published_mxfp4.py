"""Weights in four bits as gpt-oss is published (MXFP4), made floats: exactly, block by block.

A block is 32 numbers of four bits (a sign, two bits of exponent, one of mantissa) and one power of
two that they share. Each product has one bit of mantissa, so bfloat16 keeps it as it is.

    x_j = 2^(s - 127) v(q_j),   v = 0, 0.5, 1, 1.5, 2, 3, 4, 6 and the same below zero

Shapes: blocks of all experts `m n s c` of 16 bytes, two numbers each, the first in the low bits;
scales `m n s`; what comes out is `m d n` with d = 32 s, as such files keep it in floats.

References:
    Open Compute Project. OCP microscaling formats (MX) specification 1.0. 2023.
    https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf
    OpenAI. gpt-oss-120b and gpt-oss-20b model card. 2025. https://arxiv.org/abs/2508.10925

>>> blocks = torch.full((1, 1, 1, 16), 0x72, dtype=torch.uint8)  # 1 in the low bits, 6 in the high
>>> unpacked(blocks, torch.tensor([[[128]]], dtype=torch.uint8))[0, :4, 0].tolist()
[2.0, 12.0, 2.0, 12.0]
"""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from cartograd.architectures.pretrained.published_config import shown
from cartograd.core.errors import UsageError

KEY, METHOD = "quantization_config", "mxfp4"
"""Where config.json says that weights are rounded, and how these are."""

HARMLESS = ("modules_to_not_convert", "dequantize", "quant_method")
"""What else it may say: which parts are floats is seen in the file."""

VALUES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""The sizes of four bits; the highest bit is the sign."""

BIAS, BYTES = 127, 16
"""Of the shared exponent, and the bytes of a block."""


def in_floats(
    config: Mapping[str, Any], tensors: Mapping[str, Tensor], /
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A gpt-oss in four bits as its configuration and tensors in floats; any other as it is.

    Args:
        config: what config.json says.
        tensors: of the folder.

    Raises:
        UsageError: something else is said of the rounding, or blocks and scales do not fit.
    """
    said = config.get(KEY)
    if config.get("model_type") != "gpt_oss" or not isinstance(said, dict):
        return dict(config), dict(tensors)
    if said.get("quant_method") != METHOD:
        return dict(config), dict(tensors)  # refused by its name, as any other key
    strange = [key for key in said if key not in HARMLESS]
    if strange:
        raise UsageError(
            f"config.json: {KEY}: {strange[0]}={shown(said[strange[0]])} is not understood for "
            f"{METHOD}"
        )
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        whole = name.removesuffix("_blocks")
        if name.endswith("_scales") and f"{name.removesuffix('_scales')}_blocks" in tensors:
            continue
        if whole == name:
            found[name] = tensor
            continue
        if f"{whole}_scales" not in tensors:
            raise UsageError(f"{name!r} has no scales: {whole}_scales is not in the folder")
        found[whole] = _checked(name, tensor, tensors[f"{whole}_scales"])
    return {key: value for key, value in config.items() if key != KEY}, found


def _checked(name: str, blocks: Tensor, scales: Tensor) -> Tensor:
    bytes_ = blocks.dtype == scales.dtype == torch.uint8
    if not bytes_ or blocks.ndim != 4 or blocks.shape[3] != BYTES:
        raise UsageError(
            f"{name!r} is {blocks.dtype} of shape {tuple(blocks.shape)}, with scales of "
            f"{scales.dtype}; expected bytes, {BYTES} in a block, of all experts"
        )
    if scales.shape != blocks.shape[:3]:
        raise UsageError(
            f"{name!r} has scales of shape {tuple(scales.shape)}; expected one for each block, "
            f"{tuple(blocks.shape[:3])}"
        )
    return unpacked(blocks, scales)


def unpacked(
    blocks: UInt8[Tensor, "m n s c"], scales: UInt8[Tensor, "m n s"], /
) -> Float[Tensor, "m d n"]:
    """The numbers of blocks, in bfloat16: one expert at a time, as they are many.

    Args:
        blocks: two numbers a byte.
        scales: the shared exponents, 127 more than they are.
    """
    experts, rows, groups, _ = blocks.shape
    whole = torch.empty(experts, rows, groups * 2 * BYTES, dtype=torch.bfloat16)
    table = torch.tensor([*VALUES, *(-one for one in VALUES)], dtype=torch.bfloat16)
    for own, packed, exponents in zip(whole, blocks, scales, strict=True):
        numbers = torch.stack([packed & 15, packed >> 4], 3).flatten(2).int()
        own.copy_(torch.ldexp(table[numbers], (exponents.int() - BIAS)[..., None]).flatten(1))
    return whole.transpose(1, 2)
