"""Exact match: the share of written answers that are what was expected, and nothing else.

The strictest thing to ask of a generated answer, and the plainest: no word more, none less. Of
answers that may be said in many ways it is near 0, and says little; a share of what is in both
(`rouge-l`) tells more there.

    EM = mean over the texts of [plain(written) = plain(expected)]

Shapes: two lists of texts.

Departures: as in SQuAD neither case nor punctuation counts unless asked for; articles do.

References:
    Pranav Rajpurkar, Jian Zhang, Konstantin Lopyrev, Percy Liang. SQuAD: 100,000+ questions for
    machine comprehension of text. EMNLP 2016. https://arxiv.org/abs/1606.05250

>>> exact_match(["the cat.", "A dog"], ["The cat", "a dog barks"])
0.5
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cartograd.core.card import Card
from cartograd.practice.metrics import texts
from cartograd.practice.metrics.word_error_rate import Errors

CARD = Card(
    name="exact-match",
    kind="text-metric",
    entry="exact_match",
    nodes=("metric/accuracy", "llm/instruct"),
    title="Exact match",
    zh="完全匹配率",
    better="higher",
    unit="%",
    aliases=("em",),
    paper="SQuAD: 100,000+ questions for machine comprehension of text",
    year=2016,
    url="https://arxiv.org/abs/1606.05250",
    proofs=(
        "law: a text matches exactly where no word has to be edited; 1 for what was expected, "
        "whatever its case and punctuation; known cases by hand",
        "law: its interval is Clopper's and Pearson's, that of a difference Tango's, which are no "
        "points where no text or every text matches",
    ),
)


def exact_match(
    written: Sequence[str], expected: Sequence[str], /, *, strict: bool = False
) -> float:
    """The share of texts that are as expected.

    Args:
        written: what a model wrote.
        expected: what it should have written, one text for each.
        strict: whether case and punctuation count.

    Raises:
        UsageError: the lists do not belong together.
    """
    return texts.score(scorer(strict=strict), written, expected)


@dataclass(frozen=True)
class Matches:
    """What `texts` asks of a metric that is a share (`texts.Shares`)."""

    words: Errors

    def _extract_corpus_statistics(
        self, written: list[str], expected: list[list[str]]
    ) -> list[list[int]]:
        pairs = zip(written, expected[0], strict=True)
        return [[int(self.words.parts(a) == self.words.parts(b)), 1] for a, b in pairs]

    def _compute_score_from_stats(self, sums: list[int]) -> texts.Score:
        return texts.Score(100 * sums[0] / max(1, sums[1]))

    @property
    def of_each(self) -> int:
        """The column that counts 1 of a text, or 0."""
        return 0


def scorer(*, strict: bool = False) -> Matches:
    """The metric of these settings."""
    return Matches(Errors("word", strict))
