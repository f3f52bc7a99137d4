"""Hashed n-grams: the definition written out, and what no company or writing changes."""

import math
import unicodedata
from collections import Counter

import numpy as np
import pytest

from cartograd.core.errors import UsageError
from cartograd.data.decode import hashed_text
from cartograd.data.decode.free_text import text_column
from cartograd.data.decode.hashed_text import FACTOR, hashed

TEXTS = [
    "The film was good, good, GOOD!",
    "这部电影很好看,很好看",
    "",
    "naïve café — n° 7 ﬁne",
    "...",
    "x",
    "物流 was slow 3 days",
]
WHOLE = 2**64


def mixed(code):
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        code = (code ^ (code >> 33)) * factor % WHOLE
    return code ^ (code >> 33)


def words(text):
    """Words in small letters; each Chinese character is one."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    marked = "".join(c if c.isalnum() else " " for c in folded)
    return "".join(f" {c} " if "\u4e00" <= c <= "\u9fff" else c for c in marked).split()


def written_out(text, buckets):
    """The features of one text, letter by letter."""
    number = {
        word: mixed(sum(ord(c) * FACTOR ** (i + 1) for i, c in enumerate(word)) % WHOLE)
        for word in words(text)
    }
    found = [mixed(number[word]) for word in words(text)]
    pairs = zip(words(text), words(text)[1:], strict=False)
    found += [mixed((3 * number[one] + number[two]) % WHOLE) for one, two in pairs]
    for word in words(text):
        padded = f" {word} "
        rows = [padded[i : i + 3] for i in range(len(padded) - 2)]
        for row in rows if len(word) > 1 else ():
            code = 3
            for letter in row:
                code = (code * FACTOR + ord(letter)) % WHOLE
            found.append(mixed(code))
    features = [0.0] * buckets
    for code, count in Counter(found).items():
        features[(code >> 1) % buckets] += math.sqrt(count) * (1 if code & 1 else -1)
    length = math.hypot(*features) or 1.0
    return [value / length for value in features]


@pytest.mark.parametrize("buckets", [1, 7, 256])
def test_it_is_the_definition_written_out(buckets):
    expected = [written_out(text, buckets) for text in TEXTS]
    np.testing.assert_allclose(hashed(TEXTS, buckets), expected, atol=1e-6)


def test_company_order_and_portions_change_nothing(monkeypatch):
    together = hashed(TEXTS, 64)
    alone = np.concatenate([hashed([text], 64) for text in TEXTS])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(hashed(TEXTS[::-1], 64)[::-1], together)
    monkeypatch.setattr(hashed_text, "PORTION", 20)
    np.testing.assert_array_equal(hashed(TEXTS, 64), together)
    assert not together[[2, 4]].any()
    assert hashed([], 8).shape == (0, 8)


def test_products_of_texts_stay_what_they_are():
    """However few places there are: signs are as often plus as minus."""
    draws = np.random.default_rng(0)
    letters = np.array([*"abcdefghijklmnopqrstuvwxyz"])
    known = ["".join(draws.choice(letters, 5)) for _ in range(60)]
    texts = [" ".join(draws.choice(known, 12)) for _ in range(100)]
    apart = np.triu_indices(len(texts), 1)

    def products(buckets):
        features = hashed(texts, buckets)
        return (features @ features.T)[apart]

    right = products(2**15)
    assert 0.05 < right.mean() < 0.3
    off = np.array([products(buckets) - right for buckets in range(100, 140, 2)])
    assert abs(off.mean()) < 0.01
    assert 0.05 < off.std() < 0.15  # of each it is about 1 / sqrt(buckets)


def test_a_way_that_is_none_is_refused():
    assert text_column("note", "hash").width == 1024
    for way in ("hash:buckets=0", "hash:size=3", "minilm:buckets=3", "hash:x", "tfidf"):
        with pytest.raises(UsageError, match=r"text_columns=|unknown way to take free text"):
            text_column("note", way)
