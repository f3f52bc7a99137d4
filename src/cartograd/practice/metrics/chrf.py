"""chrF: how many short runs of letters of a translation are in the one expected, and the reverse.

Runs of one to six letters, blanks left out. The share of the written runs that are expected
(precision) and that of the expected runs that were written (recall) are joined, recall counting
twice. Endings and compounds that are nearly right earn something, so it suits languages with many
forms, and small corpora, better than BLEU.

    chrF = (1 + 4) P R / (4 P + R),   P and R the means over the lengths 1 to 6

Shapes: two lists of texts.

Departures: a share of 1, where sacrebleu prints 100.

References:
    Maja Popovic. chrF: character n-gram F-score for automatic MT evaluation. WMT 2015.
    https://aclanthology.org/W15-3049

>>> chrf(["the cat"], ["the cat"]), round(chrf(["the cats"], ["the cat"]), 3)
(1.0, 0.933)
"""

from collections.abc import Sequence
from typing import Any

from cartograd.core.card import Card
from cartograd.practice.metrics import texts

CARD = Card(
    name="chrf",
    kind="text-metric",
    entry="chrf",
    nodes=("metric/bleu",),
    title="chrF",
    zh="chrF（字符 n 元 F 值）",
    better="higher",
    paper="chrF: character n-gram F-score for automatic MT evaluation",
    year=2015,
    url="https://aclanthology.org/W15-3049",
    proofs=(
        "oracle: the runs of letters counted as in the paper, to 1e-12, without the "
        "library that computes it",
        "law: 1 for what was expected, 0 for texts without a letter in common",
    ),
    renamed={"words": "word_order"},
)


def chrf(written: Sequence[str], expected: Sequence[str], /, *, word_order: int = 0) -> float:
    """The chrF of a corpus, from 0 to 1.

    Args:
        written: what a model wrote.
        expected: what it should have written, one text for each.
        word_order: runs of up to so many words count besides; 2 is called chrF++.

    Raises:
        UsageError: the lists do not belong together.
    """
    return texts.score(scorer(word_order=word_order), written, expected)


def scorer(*, word_order: int = 0) -> Any:
    """The metric of these settings, of sacrebleu."""
    return texts.library().CHRF(word_order=word_order)
