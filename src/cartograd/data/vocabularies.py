"""Vocabularies learned from text, and texts as rows of their tokens.

Three ways to cut text: into pieces that byte pair encoding finds (frequent words stay whole, rare
ones fall into parts, nothing is unknown), into words between blanks, or into characters. The last
two keep what is frequent and call the rest unknown. The first five tokens mean the same in each.

References:
    R. Sennrich, B. Haddow, A. Birch: Neural Machine Translation of Rare Words with Subword Units,
    ACL 2016. https://arxiv.org/abs/1508.07909
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor

SPECIAL = ("<pad>", "<unk>", "<s>", "</s>", "<mask>")
PADDING, UNKNOWN, BEGIN, END, MASK = range(5)

ENOUGH = 4_000_000
"""Characters that pieces are learned from, or up to twice as many."""


def pieces(texts: Sequence[str], /, *, vocabulary: int) -> Any:
    """Byte pair encoding over bytes: every text can be written with it.

    Of much text every second, third, ... is enough to learn it from.
    """
    step = max(1, sum(map(len, texts)) // ENOUGH)
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    made.train_from_iterator(texts[::step], trainer)
    return made


def words(texts: Iterable[str], /, *, vocabulary: int, least: int = 1) -> Any:
    """What stands between blanks: the most frequent words, each seen at least so often."""
    made = _listed((word for text in texts for word in text.split()), vocabulary, least)
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return made


def characters(texts: Iterable[str], /, *, vocabulary: int, least: int = 1) -> Any:
    """The most frequent characters, each seen at least so often."""
    made = _listed((character for text in texts for character in text), vocabulary, least)
    made.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    made.decoder = decoders.Fuse()
    return made


def _listed(tokens: Iterable[str], vocabulary: int, least: int) -> Any:
    counts = Counter(tokens)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept = [token for token, count in ranked if count >= least and token not in SPECIAL]
    known = {token: number for number, token in enumerate((*SPECIAL, *kept)[:vocabulary])}
    made = Tokenizer(models.WordLevel(known, unk_token=SPECIAL[UNKNOWN]))
    made.add_special_tokens(list(SPECIAL))
    return made


def rows(tokenizer: Any, texts: Sequence[str], /) -> list[list[int]]:
    """The tokens of each text, without a beginning or an end."""
    return [found.ids for found in tokenizer.encode_batch(list(texts), add_special_tokens=False)]


def size(tokenizer: Any, /) -> int:
    """How many different tokens there are."""
    return tokenizer.get_vocab_size()


def padded(
    found: Sequence[Sequence[int]], /, *, fill: int = PADDING, width: int | None = None
) -> Int[Tensor, "n t"]:
    """Rows of one width, in half the space of int64; `fill` stands after the end of shorter ones.

    >>> padded([[7], [8, 9]]).tolist()
    [[7, 0], [8, 9]]
    """
    counts = np.array([len(row) for row in found], dtype=np.int64)
    width = max(1, int(counts.max(initial=0))) if width is None else width
    filled = np.full((len(found), width), fill, dtype=np.int32)
    filled[np.arange(width) < counts[:, None]] = np.concatenate([[], *found]).astype(np.int32)
    return torch.from_numpy(filled)
