"""Word error rate: how many words have to be changed to make a transcript right.

The fewest words put in, left out or replaced that turn the one text into the other, found row by
row (Levenshtein's distance), are summed over all texts and divided by the number of words expected.
It can exceed 1, for a transcript may say far too much. The same of characters tells more of single
words and of writing without spaces.

    WER = sum edits(written, expected) / sum |expected|
    d(i, j) = min(d(i-1, j) + 1, d(i, j-1) + 1, d(i-1, j-1) + [a_i != b_j])

Shapes: two lists of texts.

Departures: case and punctuation do not count unless asked for. Digits are not written as words.

References:
    Vladimir Levenshtein. Binary codes capable of correcting deletions, insertions, and reversals.
    Soviet Physics Doklady 10, 1966. https://nymity.ch/sybilhunting/pdf/Levenshtein1966a.pdf

>>> round(word_error_rate(["the cat sat mat"], ["The cat sat on a mat."]), 4)
0.3333
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cartograd.core.card import Card
from cartograd.practice.metrics import texts

CARD = Card(
    name="word-error-rate",
    kind="text-metric",
    entry="word_error_rate",
    nodes=("metric/accuracy", "seq2seq/encoder-decoder"),
    title="Word error rate",
    zh="词错误率",
    better="lower",
    aliases=("wer",),
    paper="Binary codes capable of correcting deletions, insertions, and reversals",
    year=1966,
    url="https://nymity.ch/sybilhunting/pdf/Levenshtein1966a.pdf",
    proofs=(
        "law: the fewest edits, against all ways of editing tried one by one; a metric: symmetric, "
        "zero for the same, never more by a detour",
        "law: 0 for what was expected, whatever its case and punctuation; known cases by hand",
    ),
)

PRESETS = {
    "character-error-rate": {"unit": "character"},
}


def word_error_rate(
    written: Sequence[str],
    expected: Sequence[str],
    /,
    *,
    unit: Literal["word", "character"] = "word",
    strict: bool = False,
) -> float:
    """Edits for each word expected.

    Args:
        written: what a model wrote.
        expected: what it should have written, one text for each.
        unit: what is counted.
        strict: whether case and punctuation count.

    Raises:
        UsageError: the lists do not belong together.
    """
    return texts.score(scorer(unit=unit, strict=strict), written, expected)


@dataclass(frozen=True)
class Errors:
    """What `texts` asks of a metric: what to count in each text, and what becomes of the sums."""

    unit: str
    strict: bool

    def _extract_corpus_statistics(
        self, written: list[str], expected: list[list[str]]
    ) -> list[list[int]]:
        pairs = ((self.parts(a), self.parts(b)) for a, b in zip(written, expected[0], strict=True))
        return [[edits(a, b), len(b)] for a, b in pairs]

    def _compute_score_from_stats(self, sums: list[int]) -> texts.Score:
        return texts.Score(100 * sums[0] / max(1, sums[1]))

    def parts(self, text: str, /) -> list[str]:
        """The words or characters that count."""
        if not self.strict:
            text = re.sub(r"[^\w\s']|_", " ", text.lower().replace("\u2019", "'"))
        return text.split() if self.unit == "word" else list(" ".join(text.split()))


def scorer(*, unit: str = "word", strict: bool = False) -> Errors:
    """The metric of these settings."""
    return Errors(unit, strict)


def edits(a: Sequence[object], b: Sequence[object], /) -> int:
    """The fewest insertions, deletions and replacements that turn `a` into `b`.

    >>> edits("kitten", "sitting")
    3
    """
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        corner, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (x != y))
    return row[-1]
