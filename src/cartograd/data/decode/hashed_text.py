r"""Free text as a row of numbers: its words and parts of words, counted in hashed places.

Each n-gram of a text has a place among the `buckets` and a sign, both by a hash of its letters;
its count is added there. Nothing is learned, so a text never seen is encoded as those of the
training, and the sum over random signs leaves the product of two texts as it is on average, however
few places there are. The n-grams are words, two words in a row, and three letters in a row (with
the ends of words); of writing without blanks each character is a word.

    x_j = sum over n-grams g with place(g) = j of sign(g) sqrt(count(g))        x / |x|

Shapes: texts `n`; features `n d`, of length one, or 0 where a text is empty.

Departures: the square root of counts, as long texts repeat themselves; a hash of our own, which
numpy works out for all texts at once.

References:
    K. Weinberger, A. Dasgupta, J. Langford, A. Smola, J. Attenberg: Feature Hashing for Large Scale
    Multitask Learning, ICML 2009. https://arxiv.org/abs/0902.2206

>>> one, two, three = hashed(["A good film", "a GOOD film!", "nothing of it"], 64)
>>> bool((one == two).all()), round(float(one @ one), 6), bool(abs(one @ three) < 0.5)
(True, 1.0, True)
"""

import unicodedata
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, UInt

from cartograd.data.decode.prose import CHINESE

BUCKETS = 1024
"""How many places there are unless it is said."""

LETTERS = 3
"""How many letters in a row are counted."""

FACTOR = 0x9E3779B97F4A7C15
"""An odd number whose powers tell the places of letters apart: 2^64 over the golden ratio."""

BLANK = 32

PORTION = 1 << 20
"""Letters that are worked on at a time."""


def hashed(texts: Sequence[str], buckets: int = BUCKETS, /) -> Float[np.ndarray, "n d"]:
    """The features of each text.

    Args:
        texts: in any writing.
        buckets: how many places n-grams share.
    """
    found = np.zeros((len(texts), buckets), np.float32)
    start, held = 0, 0
    for end, text in enumerate(texts, start=1):
        held += len(text)
        if held >= PORTION or end == len(texts):
            found[start:end] = _counted(texts[start:end], buckets)
            start, held = end, 0
    return found


def _counted(texts: Sequence[str], buckets: int) -> np.ndarray:
    """The features of texts that are few enough to be held at once."""
    letters, owner = _letters(texts)
    grams = [_words(letters, owner), _in_a_row(letters, owner)]
    of_text = np.concatenate([own for pair in grams for own in pair[0]])
    codes = _mixed(np.concatenate([code for pair in grams for code in pair[1]]))
    order = np.lexsort((codes, of_text))
    of_text, codes = of_text[order], codes[order]
    fresh = np.append(True, (of_text[1:] != of_text[:-1]) | (codes[1:] != codes[:-1]))[: len(codes)]
    first = np.flatnonzero(fresh)
    of_text, codes, counts = of_text[first], codes[first], np.diff(first, append=len(codes))
    place = of_text * buckets + ((codes >> np.uint64(1)) % np.uint64(buckets)).astype(np.int64)
    signed = np.where(codes & np.uint64(1), 1.0, -1.0) * np.sqrt(counts)
    summed = np.bincount(place, signed, minlength=len(texts) * buckets)
    summed = summed.reshape(len(texts), buckets)
    return summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12)


def _letters(texts: Sequence[str]) -> tuple[UInt[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """The code points of all texts, one blank between words and around each text; whose each is."""
    tidy = [f" {_plain(text)} " for text in texts]
    letters = np.frombuffer("".join(tidy).encode("utf-32-le"), np.uint32).astype(np.uint64)
    owner = np.repeat(np.arange(len(tidy)), [len(text) for text in tidy])
    repeated = (letters == BLANK) & (np.roll(letters, 1) == BLANK) & (owner == np.roll(owner, 1))
    repeated[:1] = False
    return letters[~repeated], owner[~repeated]


def _plain(text: str) -> str:
    """A text in small letters without marks, its characters without blanks between them parted."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(letter if letter.isalnum() else " " for letter in folded)
    return CHINESE.sub(r" \g<0> ", words)


Grams = tuple[list[np.ndarray], list[np.ndarray]]
"""N-grams: whose each is, and its number."""


def _words(letters: np.ndarray, owner: np.ndarray) -> Grams:
    """Words, and two words in a row."""
    inside = letters != BLANK
    starts = np.flatnonzero(inside & ~np.roll(inside, 1))
    ends = np.flatnonzero(~inside & np.roll(inside, 1))
    place = np.zeros(len(letters), np.uint64)
    for_each = np.repeat(np.arange(len(starts)), ends - starts)
    place[inside] = (np.flatnonzero(inside) - starts[for_each]).astype(np.uint64)
    powers = np.power(np.uint64(FACTOR), place + np.uint64(1))
    summed = np.concatenate([np.zeros(1, np.uint64), np.cumsum(letters * powers, dtype=np.uint64)])
    words, own = _mixed(summed[ends] - summed[starts]), owner[starts]
    together = own[1:] == own[:-1]
    pairs = (words[:-1] * np.uint64(3) + words[1:])[together]
    return [own, own[1:][together]], [words, pairs]


def _in_a_row(letters: np.ndarray, owner: np.ndarray) -> Grams:
    """Letters in a row, with the blank before or after a word, but no whole word of one letter."""
    count = max(0, len(letters) - LETTERS + 1)
    rows = [letters[at : at + count] for at in range(LETTERS)]
    blank = [row == BLANK for row in rows]
    inside = ~np.any(blank[1:-1], axis=0) & ~(blank[0] & blank[-1])
    summed = np.full(count, LETTERS, np.uint64)  # another number than a word of these letters
    for row in rows:
        summed = summed * np.uint64(FACTOR) + row
    return [owner[:count][inside]], [summed[inside]]


def _mixed(codes: UInt[np.ndarray, " n"]) -> UInt[np.ndarray, " n"]:
    """Numbers whose every bit depends on all of theirs (the last steps of MurmurHash3)."""
    for shift, factor in ((33, 0xFF51AFD7ED558CCD), (33, 0xC4CEB9FE1A85EC53)):
        codes = (codes ^ (codes >> np.uint64(shift))) * np.uint64(factor)
    return codes ^ (codes >> np.uint64(33))
