"""BLEU: how many short runs of words of a translation are in the one expected.

The shares of runs of one to four words that stand in the expected text (each at most as often as
there), averaged geometrically over the whole corpus; a translation shorter than expected pays for
it, since it could otherwise say only what is certain. It sees words, not meaning.

    BLEU = min(1, exp(1 - r/c)) * (p1 p2 p3 p4)^(1/4)

Shapes: two lists of texts.

Departures: a share of 1, where sacrebleu prints 100.

References:
    K. Papineni, S. Roukos, T. Ward, W.-J. Zhu. BLEU: a method for automatic evaluation of machine
    translation. ACL 2002. https://aclanthology.org/P02-1040

>>> round(bleu(["the cat sat on the mat today"], ["the cat sat on the mat"]), 4)
0.8091
"""

from collections.abc import Sequence
from typing import Any, Literal

from cartograd.core.card import Card
from cartograd.practice.metrics import texts

CARD = Card(
    name="bleu",
    kind="text-metric",
    entry="bleu",
    nodes=("metric/bleu",),
    title="BLEU",
    zh="BLEU",
    better="higher",
    paper="BLEU: a method for automatic evaluation of machine translation",
    year=2002,
    url="https://aclanthology.org/P02-1040",
    proofs=(
        "oracle: the runs of words counted as in the paper, to 1e-12, without the "
        "library that computes it",
        "law: 1 for what was expected, 0 where no run of four words is right (unsmoothed), and a "
        "formula of counts by hand",
    ),
    evidence={"metric/bleu": ("test_bleu_is_that_of_sacrebleu", "test_bleu_is_the_papers_counts")},
    renamed={"words": "tokenize", "smoothed": "smooth"},
)


def bleu(
    written: Sequence[str],
    expected: Sequence[str],
    /,
    *,
    tokenize: Literal["13a", "zh", "intl", "char"] = "13a",
    smooth: bool = True,
) -> float:
    """The BLEU of a corpus, from 0 to 1.

    Args:
        written: what a model wrote.
        expected: what it should have written, one text for each.
        tokenize: how texts are cut into words: for European languages, for Chinese, ... as
            sacrebleu names it.
        smooth: a run length without any hit counts as half a hit, then a quarter, ...

    Raises:
        UsageError: the lists do not belong together.
    """
    return texts.score(scorer(tokenize=tokenize, smooth=smooth), written, expected)


def scorer(*, tokenize: str = "13a", smooth: bool = True) -> Any:
    """The metric of these settings, of sacrebleu."""
    return texts.library().BLEU(tokenize=tokenize, smooth_method="exp" if smooth else "none")
