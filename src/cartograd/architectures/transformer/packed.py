"""Texts one after the other in one row, none of which sees another, and nothing that fills rows up.

Products of positions with weights are made for all texts at once; attention is made text by text,
so its work is the sum of the squares of their lengths and not the square of the sum. What several
texts begin with, such as a prompt and answers to it, is read once, and seen by each of them.

Shapes: positions `1 n d` of all texts, of which each has so many (`core.inference.Lengths`).

References:
    Mario Michael Krell, Matej Kosec, Sergio P. Perez, Andrew Fitzgibbon. Efficient sequence packing
    without cross-contamination. 2021. https://arxiv.org/abs/2107.02027
"""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.architectures.transformer.attention import attend
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.rotary import Rotary
from cartograd.core.inference import Lengths

Turn = Callable[[Tensor], Tensor]
"""Applies rotary positions."""


def stretches(lengths: Lengths, /) -> list[tuple[int, int]]:
    """Of each stretch of the row how many tokens it has, and how many that it goes on from.

    >>> stretches([5, (3, 2, 4)])
    [(5, 0), (3, 0), (2, 3), (4, 3)]
    """
    found = list[tuple[int, int]]()
    for one in lengths:
        first, *later = (one,) if isinstance(one, int) else one
        found += [(first, 0), *((length, first) for length in later)]
    return found


def longest(lengths: Lengths, /) -> int:
    """The tokens of the longest text, with what it goes on from.

    >>> longest([5, (3, 2, 4)])
    7
    """
    return max(own + before for own, before in stretches(lengths))


def places_of(lengths: Lengths, device: torch.device, /) -> Int[Tensor, " n"]:
    """The position of each token in its own text.

    >>> places_of([2, (3, 1, 2)], torch.device("cpu")).tolist()
    [0, 1, 0, 1, 2, 3, 3, 4]
    """
    return torch.cat(
        [torch.arange(before, before + own, device=device) for own, before in stretches(lengths)]
    )


def apart(
    lengths: Lengths, device: torch.device, /
) -> tuple[list[int], Int[Tensor, " n1"], Int[Tensor, " n"]]:
    """Texts of which each has its beginning to itself.

    Returns:
        Their lengths, the place in the row of each of their tokens, and the first of these for
        each place in the row.

    >>> lengths, places, firsts = apart([1, (2, 1, 1)], torch.device("cpu"))
    >>> lengths, places.tolist(), firsts.tolist()
    ([1, 2, 3, 3], [0, 1, 2, 1, 2, 3, 1, 2, 4], [0, 1, 2, 5, 8])
    """
    found, start, stem = list[Tensor](), 0, torch.arange(0, device=device)
    for own, before in stretches(lengths):
        here = torch.arange(start, start + own, device=device)
        found.append(torch.cat([stem, here]) if before else here)
        stem, start = stem if before else here, start + own
    places = torch.cat(found)
    firsts = (places == torch.arange(start, device=device)[:, None]).int().argmax(1)
    return [len(one) for one in found], places, firsts


def turned(rotary: Rotary, lengths: Lengths, /) -> Turn:
    """What rotates queries and keys of texts in one row, whose positions begin anew with each.

    Frequencies that follow the length of a text follow that of each, so what texts begin with is
    turned in another way in each: they stand apart then (`apart`).
    """
    device = rotary.speeds.device
    if not rotary.by_length:
        return rotary.turn(places_of(lengths, device))
    own = [length for length, _ in stretches(lengths)]
    turns = [rotary.turn(torch.arange(length, device=device)) for length in own]

    def each(x: Tensor) -> Tensor:
        parts = x.split(own, 2)
        return torch.cat([turn(part) for turn, part in zip(turns, parts, strict=True)], 2)

    return each


def packed_block(
    block: Block,
    x: Float[Tensor, "1 n d"],
    /,
    *,
    lengths: Lengths,
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
                bias=None if bias is None else bias(own[0].shape[2], own[1].shape[2]),
                dropout=attention.dropout.now,
            )
            for own in each_text(lengths, q, k, v)
        ]  # fmt: skip
        return attention.out(torch.cat(found, 2).transpose(1, 2).flatten(2))

    x = block.beside(x, block.attention_norm, attended)
    return block.beside(x, block.feed_forward_norm, block.feed_forward)


def each_text(
    lengths: Lengths, q: Tensor, k: Tensor, v: Tensor, /
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Queries of each stretch of the row, and the keys and values that its text has."""
    found = stretches(lengths)
    split = (one.split([own for own, _ in found], 2) for one in (q, k, v))
    stem = k, v
    for (_, before), asks, *seen in zip(found, *split, strict=True):
        if before:
            keys, values = (torch.cat(both, 2) for both in zip(stem, seen, strict=True))
        else:
            keys, values = stem = seen[0], seen[1]
        yield asks, keys, values
