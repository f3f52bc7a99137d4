"""Texts one after the other in one row, none of which sees another, and nothing that fills rows up.

Products of positions with weights are made for all texts at once; attention is made text by text,
so its work is the sum of the squares of their lengths and not the square of the sum.

Shapes: positions `1 n d` of all texts, of which each has so many.

References:
    Mario Michael Krell, Matej Kosec, Sergio P. Perez, Andrew Fitzgibbon. Efficient sequence packing
    without cross-contamination. 2021. https://arxiv.org/abs/2107.02027
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.architectures.transformer.attention import MultiHeadAttention, attend
from cartograd.architectures.transformer.block import Block


def places_of(lengths: Sequence[int], device: torch.device, /) -> Int[Tensor, " n"]:
    """The position of each token in its own text.

    >>> places_of([2, 3], torch.device("cpu")).tolist()
    [0, 1, 0, 1, 2]
    """
    return torch.cat([torch.arange(length, device=device) for length in lengths])


def packed_block(
    block: Block,
    x: Float[Tensor, "1 n d"],
    /,
    *,
    lengths: Sequence[int],
    rotary: Callable[[Tensor], Tensor],
    window: int | None,
) -> Float[Tensor, "1 n d"]:
    """What a block with its norms before its parts makes of texts in one row.

    Args:
        block: of a decoder.
        x: positions.
        lengths: of the texts.
        rotary: applies rotary positions, which restart with each text.
        window: how far a position attends.
    """
    y = _attended(block.attention, block.attention_norm(x), lengths, rotary, window)
    x = x + block.dropout(y)
    return x + block.dropout(block.feed_forward(block.feed_forward_norm(x)))


def _attended(
    attention: MultiHeadAttention,
    x: Tensor,
    lengths: Sequence[int],
    rotary: Callable[[Tensor], Tensor],
    window: int | None,
) -> Tensor:
    q = attention.query(x).unflatten(2, (-1, attention.width)).transpose(1, 2)
    k, v = attention.remembered(x)
    parts = (one.split(list(lengths), 2) for one in (rotary(q), rotary(k), v))
    found = [
        attend(
            *own, causal=True, window=window, scale=attention.scale, dropout=attention.dropout.now
        )
        for own in zip(*parts, strict=True)
    ]
    return attention.out(torch.cat(found, 2).transpose(1, 2).flatten(2))
