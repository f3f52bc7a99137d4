"""SentencePiece's pieces as the header of a GGUF file: the way back from `sentence_pieces`.

A document of the package `tokenizers` has a list of pairs to join; the format has a score for each
piece, by which llama.cpp joins. The pieces get their places in the list as scores, and the pairs
that follow from these have to be those of the list.

References:
    Taku Kudo, John Richardson. SentencePiece. EMNLP 2018. https://arxiv.org/abs/1808.06226
    Georgi Gerganov et al.: GGUF, 2023. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.data.text.sentence_pieces import NORMAL, SPACE, pairs

BYTE = re.compile(r"<0x[0-9A-F]{2}>")
UNKNOWN, BYTES = 2, 6
"""Types of the piece for all that has none, and of those for single bytes."""

PREFIX = {"type": "Prepend", "prepend": SPACE}
SPACES = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
"""What is done to a text before it is cut."""

AT_SPACES = {
    "type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False,
}  # fmt: skip
"""A cut where there is nothing to cut, as spaces are written otherwise then."""


def is_pieces(document: Mapping[str, Any], /) -> bool:
    """Whether a document's model is SentencePiece's: pieces, and bytes for what has none."""
    model = document["model"]
    return model.get("type") == "BPE" and bool(model.get("byte_fallback"))


def pieces_of(
    document: Mapping[str, Any], tokens: Sequence[str], types: Sequence[int], /
) -> dict[str, Any]:
    """The values under `tokenizer.ggml.` that say what the pieces are.

    Args:
        document: of a tokenizer, with SentencePiece's model.
        tokens: all of them, by number.
        types: of the tokens, as for byte-level BPE.

    Raises:
        UsageError: texts are changed in another way before, or the pairs are not those of scores.
    """
    model = document["model"]
    unknown = model.get("unk_token")
    if unknown not in tokens:
        raise UsageError("its tokenizer has no piece for what is unknown, and GGUF asks for one")
    kinds = [
        UNKNOWN if token == unknown else BYTES if BYTE.fullmatch(token) else type_
        for token, type_ in zip(tokens, types, strict=True)
    ]
    merges = [one.split(" ", 1) if isinstance(one, str) else list(one) for one in model["merges"]]
    places: dict[str, int] = {}
    for one in merges:
        places.setdefault("".join(one), len(places))
    scores = [
        float(-places.get(token, len(places))) if type_ == NORMAL else 0.0
        for token, type_ in zip(tokens, kinds, strict=True)
    ]
    if not _same(merges, pairs(tokens, scores, kinds)):
        raise UsageError(
            "its tokenizer joins pairs that no score of pieces says, and a GGUF file has scores"
        )
    return {
        "model": "llama", "pre": "default", "tokens": list(tokens), "scores": scores,
        "token_type": kinds, "add_space_prefix": _spaced(document),
        "unknown_token_id": list(tokens).index(unknown),
    }  # fmt: skip


def _same(merges: list[list[str]], others: list[list[str]]) -> bool:
    """Whether the same pairs are joined, piece by piece; SentencePiece takes the first of equal."""
    orders = [list(dict.fromkeys("".join(one) for one in each)) for each in (merges, others)]
    return orders[0] == orders[1] and sorted(merges) == sorted(others)


def _spaced(document: Mapping[str, Any]) -> bool:
    """Whether a text begins with a space.

    Raises:
        UsageError: something else is done to it.
    """
    steps = _steps(document.get("normalizer"), "normalizers")
    cuts = _steps(document.get("pre_tokenizer"), "pretokenizers")
    if not steps and len(cuts) == 1 and cuts[0].get("type") == "Metaspace":
        own = cuts[0]
        if own.get("replacement") == SPACE and not own.get("split", True):
            return own.get("prepend_scheme") != "never"
    if (cuts and cuts != [AT_SPACES]) or steps not in ([SPACES], [PREFIX, SPACES]):
        raise UsageError(
            "its tokenizer changes texts in a way that has no name in GGUF; expected spaces as "
            f"{SPACE}, as Llama 2 and Gemma have them"
        )
    return len(steps) == 2


def _steps(whole: Any, name: str) -> list[Mapping[str, Any]]:
    if whole is None:
        return []
    return list(whole[name]) if whole.get("type") == "Sequence" else [whole]
