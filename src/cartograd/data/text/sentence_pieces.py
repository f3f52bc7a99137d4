"""SentencePiece's byte-pair encoding, as parts of a document of the package `tokenizers`.

SentencePiece keeps pieces with scores and joins the two neighbours whose union scores best. The
package joins by a list of pairs: here it is every cut of a piece into two others, best piece first.
Spaces are written as `▁`; what has no piece is written in bytes (`<0x41>`).

References:
    Taku Kudo, John Richardson. SentencePiece: a simple and language independent subword tokenizer
    and detokenizer for neural text processing. EMNLP 2018. https://arxiv.org/abs/1808.06226
"""

from collections.abc import Sequence
from typing import Any

NORMAL = 1
"""The type of pieces that are joined from others."""

SPACE = "▁"


def pairs(pieces: Sequence[str], scores: Sequence[float], types: Sequence[int]) -> list[list[str]]:
    """Which neighbours become one piece, those of the best piece first.

    >>> pairs(["a", "b", "ab", "aba", "c"], [-4, -5, -1, -2, -6], [1, 1, 1, 1, 1])
    [['a', 'b'], ['ab', 'a']]
    """
    known = {piece for piece, type_ in zip(pieces, types, strict=True) if type_ == NORMAL}
    ranked = sorted(zip(scores, pieces, strict=True), key=lambda one: -one[0])
    return [
        [piece[:cut], piece[cut:]]
        for _, piece in ranked
        if piece in known
        for cut in range(1, len(piece))
        if piece[:cut] in known and piece[cut:] in known
    ]


def parts(
    pieces: Sequence[str],
    scores: Sequence[float],
    types: Sequence[int],
    /,
    *,
    unknown: str,
    spaced: bool,
) -> dict[str, Any]:
    """Normalizer, model and decoder of a document.

    Args:
        pieces: the vocabulary.
        scores: of the pieces; better ones are joined first.
        types: of the pieces, as SentencePiece numbers them.
        unknown: the piece for text that has no other.
        spaced: a text begins with a space, which decoding takes off again.
    """
    prefix = [{"type": "Prepend", "prepend": SPACE}] if spaced else []
    strip = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if spaced else []
    written = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    read = {"type": "Replace", "pattern": {"String": SPACE}, "content": " "}
    return {
        "normalizer": {"type": "Sequence", "normalizers": [*prefix, written]},
        "model": {
            "type": "BPE", "vocab": {piece: number for number, piece in enumerate(pieces)},
            "merges": pairs(pieces, scores, types), "unk_token": unknown, "fuse_unk": True,
            "byte_fallback": True,
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [read, {"type": "ByteFallback"}, {"type": "Fuse"}, *strip],
        },
    }  # fmt: skip
