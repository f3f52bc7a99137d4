"""Loss by position: does a language model predict better the more it has read, and how far?

A model that uses its context predicts a late token better than an early one. Beyond the length of
its training the loss rises, or stays where a window or scaled positions help. So the loss of each
token is taken by its position, over several texts, in bits for each byte that it spells.

    bits(p) = sum_t in p -log2 P(x_t | x_<t) / sum_t in p bytes(x_t),    p: a range of positions

Shapes: texts `n t`, all of the same length; the first token of each is given, not predicted.

Departures: ranges are of equal length, and the interval is Student's t over texts, each of which
counts the same.

References:
    Ofir Press, Noah Smith, Mike Lewis. Train short, test long: attention with linear biases enables
    input length extrapolation. 2021, ICLR 2022. https://arxiv.org/abs/2108.12409

>>> ranges(9, 4)
[(1, 3), (3, 5), (5, 7), (7, 9)]
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Decoder

CARD = Card(
    name="position-loss",
    kind="diagnostic",
    entry="position_loss",
    nodes=("llm/long-context",),
    title="Bits per byte by position",
    zh="按位置的每字节比特数",
    paper="Train Short, Test Long: Attention with Linear Biases Enables Input Length Extrapolation",
    year=2021,
    url="https://arxiv.org/abs/2108.12409",
    proofs=(
        "law: equal to the cross-entropy of the whole text at these positions over its bytes, to "
        "1e-6, however it is read; together the ranges are the loss of all",
    ),
    evidence={"llm/long-context": ("test_equals_the_cross_entropy_of_the_whole",)},
    tiny={"bins": 2, "chunk": 3},
)

Begin = Callable[[int, int], Decoder]
"""From rows and capacity to a decoder that has read nothing."""


@dataclass(frozen=True)
class PositionLoss:
    """The loss by position.

    Attributes:
        starts, ends: positions of each range; the end is not in it.
        bits: of each byte there, the mean over texts.
        low, high: its 95 % interval.
        texts: how many were read.
    """

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    bits: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    texts: int


def position_loss(
    begin: Begin,
    texts: Int[Tensor, "n t"],
    sizes: Int[Tensor, " v"],
    told: Callable[[int, int], None] | None = None,
    /,
    *,
    bins: int = 8,
    chunk: int = 256,
) -> PositionLoss:
    """Read texts one after another, and take the loss of each token by its position.

    Args:
        begin: makes decoders, as `model.decoder` does; that of a `streaming` one will do.
        texts: at least two, of the same length.
        sizes: bytes that each token spells; 1 each for bits per token.
        told: is called with the texts that were read and all there are.
        bins: how many ranges of positions.
        chunk: tokens that are read at once, which bounds the memory.

    Raises:
        UsageError: fewer than two texts, or they are shorter than there are ranges.
    """
    count, length = texts.shape
    if count < 2 or length <= bins:
        raise UsageError(
            f"position-loss: {count} texts of {length} tokens; expected at least 2 texts of more "
            f"than {bins} tokens"
        )
    from scipy.special import stdtrit

    places, rows = ranges(length, bins), list[list[float]]()
    for number, text in enumerate(texts.split(1)):
        losses = _losses(begin(1, length), text, chunk)
        bytes_ = sizes[text[0, 1:]]
        rows.append([
            losses[a - 1 : b - 1].sum().item() / max(int(bytes_[a - 1 : b - 1].sum()), 1)
            for a, b in places
        ])  # fmt: skip
        if told is not None:
            told(number + 1, count)
    found = torch.tensor(rows, dtype=torch.float64)
    mean = found.mean(0)
    half = float(stdtrit(count - 1, 0.975)) * found.std(0) / math.sqrt(count)
    return PositionLoss(
        tuple(a for a, _ in places), tuple(b for _, b in places), tuple(mean.tolist()),
        tuple((mean - half).tolist()), tuple((mean + half).tolist()), count,
    )  # fmt: skip


def ranges(length: int, bins: int, /) -> list[tuple[int, int]]:
    """The positions from 1 on in ranges of equal length, but for rounding."""
    edges = [1 + (length - 1) * i // bins for i in range(bins + 1)]
    return list(itertools.pairwise(edges))


@torch.inference_mode()
def _losses(decoder: Decoder, text: Tensor, chunk: int) -> Tensor:
    """Bits of each token but the first."""
    found = list[Tensor]()
    for piece, right in zip(text[:, :-1].split(chunk, 1), text[:, 1:].split(chunk, 1), strict=True):
        odds = decoder.read(piece).float().log_softmax(2)
        found.append(odds.gather(2, right[..., None])[0, :, 0])
    return -torch.cat(found).double() / math.log(2)
