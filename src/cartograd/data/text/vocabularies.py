"""Vocabularies learned from the texts of a dataset, and rows of tokens as one tensor.

Four ways to cut text: into pieces that byte pair encoding finds (frequent words stay whole, rare
ones fall into parts, nothing is unknown), into words between blanks, into words and marks in lower
case, or into characters. The last three keep what is frequent and call the rest unknown. The first
five tokens mean the same in each.

References:
    R. Sennrich, B. Haddow, A. Birch: Neural Machine Translation of Rare Words with Subword Units,
    ACL 2016. https://arxiv.org/abs/1508.07909
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from cartograd.data.text.tokenizer import Tokenizer
from cartograd.data.text.tokens import NUMBERS, SPECIAL, library

PADDING, UNKNOWN, BEGIN, END, MASK = range(len(SPECIAL))

ENOUGH = 4_000_000
"""Characters that pieces are learned from, or up to twice as many."""


def pieces(texts: Sequence[str], /, *, vocabulary: int) -> Tokenizer:
    """Byte pair encoding over bytes: every text can be written with it.

    Of much text every second, third, ... is enough to learn it from.

    Raises:
        UsageError: the vocabulary is too small, or the package `tokenizers` is missing.
    """
    step = max(1, sum(map(len, texts)) // ENOUGH)
    return Tokenizer.train(texts[::step], vocabulary=vocabulary)


def ending(tokenizer: Tokenizer, /) -> Tokenizer:
    """The same, with the token that ends a text after each one that it encodes."""
    end = SPECIAL["end"]
    after = [{"SpecialToken": {"id": end, "type_id": 0}}]
    first, second = ([{"Sequence": {"id": name, "type_id": 0}}] for name in "AB")
    template = {
        "type": "TemplateProcessing",
        "single": first + after,
        "pair": first + after + second + after,
        "special_tokens": {end: {"id": end, "ids": [END], "tokens": [end]}},
    }
    document = tokenizer.document | {"post_processor": template}
    return Tokenizer(document, **tokenizer.settings)


def pairing(tokenizer: Tokenizer, /) -> Tokenizer:
    """The same, with a token before each text and one after it, as BERT's: `<s> a </s> b </s>`.

    >>> pairing(characters(["ab"], vocabulary=9)).encoded([("a", "b"), "a"])
    [[2, 5, 3, 6, 3], [2, 5, 3]]
    """
    begin, end = (
        {"SpecialToken": {"id": SPECIAL[role], "type_id": 0}} for role in ("begin", "end")
    )
    first, second = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    template = {
        "type": "TemplateProcessing",
        "single": [begin, first, end],
        "pair": [begin, first, end, second, end],
        "special_tokens": {
            SPECIAL[role]: {"id": SPECIAL[role], "ids": [number], "tokens": [SPECIAL[role]]}
            for role, number in (("begin", BEGIN), ("end", END))
        },
    }
    document = tokenizer.document | {"post_processor": template}
    return Tokenizer(document, **tokenizer.settings)


def tidying(tokenizer: Tokenizer, /) -> Tokenizer:
    """The same, with every run of white space read as one blank, and none at the ends.

    For models that learn from texts of `data.dataset.parallel.tidy`; so others are read alike.

    >>> tidying(characters(["a b"], vocabulary=9)).encode("  a  b ")
    [6, 5, 7]
    """
    steps = [
        {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
        {"type": "Strip", "strip_left": True, "strip_right": True},
    ]
    own = tokenizer.document.get("normalizer")
    steps += [own] if own else []
    document = tokenizer.document | {"normalizer": {"type": "Sequence", "normalizers": steps}}
    return Tokenizer(document, **tokenizer.settings)


def words(texts: Iterable[str], /, *, vocabulary: int, least: int = 1) -> Tokenizer:
    """What stands between blanks: the most frequent words, each seen at least so often."""
    cutter = library().pre_tokenizers.WhitespaceSplit()
    return _listed(texts, cutter, vocabulary=vocabulary, least=least)


def lower_words(texts: Iterable[str], /, *, vocabulary: int, least: int = 1) -> Tokenizer:
    """Words in lower case, marks and Chinese characters, each by itself: those seen most.

    >>> lower_words(["Good, good!"], vocabulary=9).encode("GOOD, bad!")
    [5, 7, 1, 6]
    """
    parts = library()
    cutter = parts.pre_tokenizers.BertPreTokenizer()
    folded = parts.normalizers.BertNormalizer(strip_accents=False, lowercase=True)
    return _listed(texts, cutter, vocabulary=vocabulary, least=least, normalizer=folded)


def characters(texts: Iterable[str], /, *, vocabulary: int, least: int = 1) -> Tokenizer:
    """The most frequent characters, each seen at least so often."""
    parts = library()
    cutter, whole = parts.pre_tokenizers.Split(parts.Regex(r"[\s\S]"), "isolated"), parts.decoders
    return _listed(texts, cutter, vocabulary=vocabulary, least=least, decoder=whole.Fuse())


def _listed(
    texts: Iterable[str],
    cutter: Any,
    /,
    *,
    vocabulary: int,
    least: int,
    normalizer: Any = None,
    decoder: Any = None,
) -> Tokenizer:
    """The most frequent tokens, those of equal frequency in the order of the alphabet."""
    normal = (text if normalizer is None else normalizer.normalize_str(text) for text in texts)
    counts = Counter(token for text in normal for token, _ in cutter.pre_tokenize_str(text))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    special = list(SPECIAL.values())
    kept = [token for token, count in ranked if count >= least and token not in special]
    known = {token: number for number, token in enumerate((*special, *kept)[:vocabulary])}
    parts = library()
    made = parts.Tokenizer(parts.models.WordLevel(known, unk_token=SPECIAL["unknown"]))
    made.pre_tokenizer = cutter
    if normalizer is not None:
        made.normalizer = normalizer
    if decoder is not None:
        made.decoder = decoder
    made.add_special_tokens(special)
    return Tokenizer(json.loads(made.to_str()), special=NUMBERS)


def padded(
    rows: Sequence[Sequence[int]], /, *, fill: int = PADDING, width: int | None = None
) -> Int[Tensor, "n t"]:
    """Rows of one width, in half the space of int64; `fill` stands after the end of shorter ones.

    >>> padded([[7], [8, 9]]).tolist()
    [[7, 0], [8, 9]]
    """
    counts = np.array([len(row) for row in rows], dtype=np.int64)
    width = max(1, int(counts.max(initial=0))) if width is None else width
    filled = np.full((len(rows), width), fill, dtype=np.int32)
    filled[np.arange(width) < counts[:, None]] = np.concatenate([[], *rows]).astype(np.int32)
    return torch.from_numpy(filled)
