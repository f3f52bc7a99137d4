"""Published vectors of words, to compare one's own with: those of spaCy's en_core_web_md.

The set has 20,000 vectors for 685,000 words. Its table of rows is a MessagePack map from a word's
64-bit hash (MurmurHash64A with seed 1, of its UTF-8 bytes) to the row of its vector.

References:
    spaCy: vocab, hashes and lexemes. https://spacy.io/usage/spacy-101#vocab
    Austin Appleby. MurmurHash2, 64-bit. 2008. https://github.com/aappleby/smhasher
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from cartograd.data.store import packages

WIDTHS = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
"""Bytes of a whole number behind its MessagePack mark."""

_MASK = 2**64 - 1
_TIMES = 0xC6A4A7935BD1E995


def published(words: Sequence[str], /) -> dict[str, Float[Tensor, " d"]]:
    """The pretrained vectors of those words that have one.

    Raises:
        UsageError: the set has not been fetched.
    """
    folder = packages.where("spacy-vectors")
    table, rows = np.load(folder / "vectors"), _rows(folder / "key2row")
    matches = {word: rows.get(murmur(word.encode())) for word in words}
    return {word: torch.from_numpy(table[row]) for word, row in matches.items() if row is not None}


def agreement(
    vectors: Float[Tensor, "v d"], words: Sequence[str], /, *, first: int = 150, count: int = 300
) -> float:
    """How alike two sets of vectors are: the rank correlation of all their cosines.

    Args:
        vectors: one's own.
        words: whose they are, the most frequent first.
        first: frequent words to pass over: they are of all kinds of company.
        count: words to compare.

    Raises:
        UsageError: the published set has not been fetched.
    """
    from scipy.stats import rankdata

    known = published(words[first : first + 3 * count])
    indices = [number for number, word in enumerate(words) if word in known][:count]
    theirs = torch.stack([known[words[number]] for number in indices])
    pairs = torch.triu_indices(len(indices), len(indices), 1)
    cosines = [
        (F.normalize(one.double(), dim=1) @ F.normalize(one.double(), dim=1).mT)[tuple(pairs)]
        for one in (vectors[indices], theirs)
    ]
    return float(np.corrcoef([rankdata(one.numpy()) for one in cosines])[0, 1])


def murmur(data: bytes, seed: int = 1, /) -> int:
    """MurmurHash64A.

    >>> hex(murmur(b"the")), murmur(b"", 0)
    ('0x670e66a635739a92', 0)
    """
    h = seed ^ (len(data) * _TIMES & _MASK)
    whole = len(data) // 8 * 8
    for i in range(0, whole, 8):
        k = int.from_bytes(data[i : i + 8], "little") * _TIMES & _MASK
        k = (k ^ k >> 47) * _TIMES & _MASK
        h = (h ^ k) * _TIMES & _MASK
    if len(data) > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _TIMES & _MASK
    h = (h ^ h >> 47) * _TIMES & _MASK
    return h ^ h >> 47


@cache
def _rows(file: Path) -> dict[int, int]:
    """The MessagePack map from hashes to rows."""
    data = file.read_bytes()
    count, at = int.from_bytes(data[1:5], "big"), 5
    matches: dict[int, int] = {}
    for _ in range(count):
        pair = []
        for _ in range(2):
            width = WIDTHS.get(data[at], 0)
            number = int.from_bytes(data[at + 1 : at + 1 + width], "big") if width else data[at]
            pair.append(number)
            at += 1 + width
        matches[pair[0]] = pair[1]
    return matches
