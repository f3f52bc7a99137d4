"""ROUGE: how much of an expected summary is in the one that was written, and the reverse.

ROUGE-1 and ROUGE-2 count words and pairs of words that both have, each at most as often as either
has it. ROUGE-L takes the longest sequence of words that stands in both in that order, with others
between; ROUGE-Lsum does so for each expected sentence (a line of text) and all written ones. Of
what is in both, the share of the expected (recall) and of the written (precision) are joined by
their harmonic mean; the metric of many texts is the mean of theirs.

    F = 2 P R / (P + R)

Shapes: two lists of texts.

Departures: none from rouge-score, which counts. Its words are runs of the letters a to z and
digits: a text in Chinese has none, and would score 0. `tokenize="auto"` therefore takes each
letter of a script without blanks as a word where an expected text has any.

References:
    Chin-Yew Lin. ROUGE: a package for automatic evaluation of summaries. ACL 2004 workshop.
    https://aclanthology.org/W04-1013

>>> round(rouge(["the cat sat on a mat"], ["the cat sat on the mat"], counted="1"), 4)
0.8333
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.practice.metrics import texts

CARD = Card(
    name="rouge",
    kind="text-metric",
    entry="rouge",
    nodes=("metric/rouge",),
    title="ROUGE",
    zh="ROUGE",
    better="higher",
    unit="share",
    paper="ROUGE: a package for automatic evaluation of summaries",
    year=2004,
    url="https://aclanthology.org/W04-1013",
    proofs=(
        "oracle: rouge_score.rouge_scorer, each of the four, stemmed or not, to 1e-12",
        "law: the paper's counts, of words, pairs and the longest common sequence, taken here "
        "without the library, to 1e-12",
        "law: 1 for what was expected, 0 without a word in common, Chinese by characters",
    ),
    evidence={"metric/rouge": ("test_rouge_is_that_of_rouge_score", "test_rouge_is_the_papers")},
)

PRESETS = {
    "rouge-1": {"counted": "1"},
    "rouge-2": {"counted": "2"},
    "rouge-l": {"counted": "L"},
    "rouge-lsum": {"counted": "Lsum"},
}

Counted = Literal["1", "2", "L", "Lsum"]
"""Words, pairs of words, the longest common sequence, the same sentence by sentence."""

Words = Literal["auto", "english", "character"]
"""As rouge-score cuts, or words of any letters with those of scripts without blanks each by itself;
auto is the first unless an expected text has such a letter."""


def rouge(
    written: Sequence[str],
    expected: Sequence[str],
    /,
    *,
    counted: Counted = "L",
    stem: bool = False,
    tokenize: Words = "auto",
) -> float:
    """The mean over the texts of the F of what is in both, from 0 to 1.

    Args:
        written: what a model wrote.
        expected: what it should have written, one text for each.
        counted: what is counted.
        stem: whether endings of English words are cut off first (Porter's stemmer).
        tokenize: what a word is.

    Raises:
        UsageError: the lists do not belong together, or the package rouge-score is missing.
    """
    return texts.score(scorer(counted=counted, stem=stem, tokenize=tokenize), written, expected)


@dataclass(frozen=True)
class Rouge:
    """What `texts` asks of a metric: what to count in each text, and what becomes of the sums."""

    counted: str
    stem: bool
    tokenize: Words

    def _extract_corpus_statistics(
        self, written: list[str], expected: list[list[str]]
    ) -> list[list[float]]:
        name, cut = f"rouge{self.counted}", None
        if self._by_character(expected[0]):
            if self.stem:
                raise UsageError("stem=True cuts endings of English words; leave it out here")
            cut = _Characters()
        counting = _library().RougeScorer([name], use_stemmer=self.stem, tokenizer=cut)
        pairs = zip(written, expected[0], strict=True)
        return [[counting.score(right, said)[name].fmeasure, 1] for said, right in pairs]

    def _compute_score_from_stats(self, sums: list[float]) -> texts.Score:
        return texts.Score(100 * sums[0] / max(1, sums[1]))

    def _by_character(self, expected: list[str]) -> bool:
        if self.tokenize != "auto":
            return self.tokenize == "character"
        return any(_APART.search(text) for text in expected)


def scorer(*, counted: Counted = "L", stem: bool = False, tokenize: Words = "auto") -> Rouge:
    """The metric of these settings."""
    return Rouge(str(counted), stem, tokenize)


_APART = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""Letters of scripts that put no blanks between words."""

_WORDS = re.compile(_APART.pattern + r"|[^\W_" + _APART.pattern[1:-1] + "]+")


class _Characters:
    """Words of letters and digits; each letter of a script without blanks is one."""

    def tokenize(self, text: str) -> list[str]:
        return _WORDS.findall(text.lower())


def _library() -> Any:
    try:
        from rouge_score import rouge_scorer
    except ImportError as error:
        raise UsageError(
            "ROUGE needs the package 'rouge-score': pip install 'cartograd[text]'"
        ) from error
    return rouge_scorer
