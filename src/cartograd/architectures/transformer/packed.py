"""Texts one after the other in one row, none of which sees another, and nothing that fills rows up.

Products of positions with weights are made for all texts at once; attention is made text by text,
so its work is the sum of the squares of their lengths and not the square of the sum.

Shapes: positions `1 n d` of all texts, of which each has so many.

References:
    Mario Michael Krell, Matej Kosec, Sergio P. Perez, Andrew Fitzgibbon. Efficient sequence packing
    without cross-contamination. 2021. https://arxiv.org/abs/2107.02027
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.architectures.transformer.attention import attend
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.rotary import Rotary

Turn = Callable[[Tensor], Tensor]
"""Applies rotary positions."""


def places_of(lengths: Sequence[int], device: torch.device, /) -> Int[Tensor, " n"]:
    """The position of each token in its own text.

    >>> places_of([2, 3], torch.device("cpu")).tolist()
    [0, 1, 0, 1, 2]
    """
    return torch.cat([torch.arange(length, device=device) for length in lengths])


def turned(rotary: Rotary, lengths: Sequence[int], /) -> Turn:
    """What rotates queries and keys of texts in one row, whose positions begin anew with each.

    Frequencies that follow the length of a text follow that of each.
    """
    device = rotary.speeds.device
    if not rotary.by_length:
        return rotary.turn(places_of(lengths, device))
    turns = [rotary.turn(torch.arange(length, device=device)) for length in lengths]

    def each(x: Tensor) -> Tensor:
        parts = x.split(list(lengths), 2)
        return torch.cat([turn(part) for turn, part in zip(turns, parts, strict=True)], 2)

    return each


def packed_block(
    block: Block,
    x: Float[Tensor, "1 n d"],
    /,
    *,
    lengths: Sequence[int],
    rotary: Turn | None,
    window: int | None = None,
    bias: Callable[[int, int], Tensor] | None = None,
) -> Float[Tensor, "1 n d"]:
    """What a block of a decoder makes of texts in one row.

    Args:
        block: of a decoder.
        x: positions.
        lengths: of the texts.
        rotary: applies rotary positions, which restart with each text (`turned`).
        window: how far a position attends.
        bias: of the scores of the last t of s positions of a text with all s.
    """

    def attended(x: Tensor) -> Tensor:
        attention = block.attention
        q = attention.query(x).unflatten(2, (-1, attention.width)).transpose(1, 2)
        k, v = attention.remembered(x)
        if rotary is not None:
            q, k = rotary(q), rotary(k)
        found = [
            attend(
                *own, causal=True, window=window, scale=attention.scale,
                bias=None if bias is None else bias(length, length), dropout=attention.dropout.now,
            )
            for length, own in each_text(lengths, q, k, v)
        ]  # fmt: skip
        return attention.out(torch.cat(found, 2).transpose(1, 2).flatten(2))

    x = block.beside(x, block.attention_norm, attended)
    return block.beside(x, block.feed_forward_norm, block.feed_forward)


def each_text(lengths: Sequence[int], *parts: Tensor) -> Iterator[tuple[int, tuple[Tensor, ...]]]:
    """The length of each text, and its own of queries, keys and values."""
    split = (one.split(list(lengths), 2) for one in parts)
    return zip(lengths, zip(*split, strict=True), strict=True)
