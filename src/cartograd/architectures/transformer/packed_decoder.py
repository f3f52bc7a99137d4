"""Texts one after the other in one row, through the blocks of today's decoders.

As `packed`: products, norms and experts work on all positions at once, attention on each text.

Shapes: positions `1 n d` of all texts, of which each has so many.

References:
    Mario Michael Krell, Matej Kosec, Sergio P. Perez, Andrew Fitzgibbon. Efficient sequence packing
    without cross-contamination. 2021. https://arxiv.org/abs/2107.02027
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.transformer.cache import check_length
from cartograd.architectures.transformer.decoder_block import DecoderBlock
from cartograd.architectures.transformer.packed import Turn, apart, each_text, longest, turned
from cartograd.architectures.transformer.rotary import Rotary
from cartograd.core.inference import Lengths


def packed_decoder(
    blocks: nn.ModuleList,
    x: Float[Tensor, "1 n d"],
    /,
    *,
    lengths: Lengths,
    context: int,
    reach: str,
    window: int | None,
    rotary: Rotary,
    local: Rotary | None,
) -> Float[Tensor, "1 n d"]:
    """What all blocks make of texts in one row.

    Args:
        blocks: of a `Decoder`.
        x: the vectors of the tokens.
        lengths: of the texts.
        context: the most tokens of one.
        reach: what each block sees, a letter each.
        window: how far a position attends where that is one.
        rotary: turns queries and keys.
        local: does so in blocks with a window; `rotary` if None.

    Raises:
        UsageError: a text is longer than that.
    """
    check_length(longest(lengths), context)
    firsts = None
    if rotary.by_length:
        lengths, places, firsts = apart(lengths, x.device)
        x = x[:, places]
    whole = turned(rotary, lengths)
    turns = {"f": whole, "w": whole if local is None else turned(local, lengths)}
    for block, letter in zip(blocks, reach, strict=True):
        assert isinstance(block, DecoderBlock)
        own = window if letter in "wm" else None
        x = _packed(block, x, lengths, turns.get(letter), own)
    return x if firsts is None else x[:, firsts]


def _packed(
    block: DecoderBlock, x: Tensor, lengths: Lengths, turn: Turn | None, window: int | None
) -> Tensor:
    attention = block.attention
    joined = attention.projected(block.attention_norm(x), turn)
    found = [
        attention.mixed(q, k, v, mask=None, window=window)
        for q, k, v in each_text(lengths, *joined)
    ]
    y = attention.out(torch.cat(found, 2).transpose(1, 2).flatten(2))
    x = x + block.attention_after(y)
    return x + block.feed_forward_after(block.feed_forward(block.feed_forward_norm(x)))
