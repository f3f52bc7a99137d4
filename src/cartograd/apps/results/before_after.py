"""A language model before and after it learned: what it says better, and what it forgot."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.results.comparison import Difference
from cartograd.apps.results.evaluation import Text, approximate

HEAD = ("of", "metric", "before", "after", "difference", "95 % interval", "is")
"""The columns of the table."""

ANSWERS, PLAIN = "answers", "plain text"
"""What is measured: answers that were held back, and pages that were nothing to learn from."""


@dataclass(frozen=True)
class BeforeAfter:
    """A language model before and after it learned, on the same texts.

    Attributes:
        before, after: the models, as they were named.
        differences: by what they are of, `answers` or `plain text`, the figures of both.
        counts: examples of each.
        data: the chats, and which part of them.
        plain: the pages; empty where there were none.
        texts: what each model wrote as the last answer of each chat; none where nothing is written.
        notes: what was decided while the data were read, a line each.
    """

    before: str
    after: str
    differences: Mapping[str, tuple[Difference, ...]]
    counts: Mapping[str, int]
    data: str
    plain: str = ""
    texts: tuple[tuple[Text, ...], tuple[Text, ...]] = field(default=((), ()), repr=False)
    notes: tuple[str, ...] = ()

    @property
    def forgotten(self) -> float | None:
        """Perplexity of plain text after as a share of before; None where there was none."""
        told = self.differences.get(PLAIN)
        return None if not told else told[0].values[1] / told[0].values[0]

    @property
    def sentence(self) -> str:
        """What came of it, in a line."""
        first = self.differences[ANSWERS][0]
        moved = first.values[1] - first.values[0]
        word = "likelier" if moved < 0 else "less likely"
        said = f"held-out answers are {abs(moved):.3g} nats a token {word}"
        said += "" if first.real else " (within noise)"
        if self.forgotten is None:
            return said
        held = self.differences[PLAIN][0]
        much = f"perplexity of plain text is {self.forgotten:.3f} times what it was"
        return f"{said}; {much}" + ("" if held.real else " (within noise)")

    def rows(self) -> list[tuple[str, ...]]:
        """The table, under `HEAD`."""
        found = []
        for of, told in self.differences.items():
            for place, one in enumerate(told):
                before, after = (units.metric(one.name, value) for value in one.values)
                apart = units.metric(one.name, one.values[1] - one.values[0])
                ends = " to ".join(units.metric(one.name, end) for end in (one.low, one.high))
                named = f"{self.counts[of]} {of}" if not place else ""
                state = "beyond noise" if one.real else "within noise"
                found.append((named, one.name, before, after, apart, ends, state))
        return found

    def approximate(self) -> str:
        """Which differences' intervals are approximate, and why; empty where none is."""
        told = [(of, one) for of, some in self.differences.items() for one in some]
        return approximate({f"{one.name} of {of}": one.doubt for of, one in told if one.doubt})

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "before": self.before,
            "after": self.after,
            "data": self.data,
            "plain": self.plain or None,
            "examples": dict(self.counts),
            "metrics": {of: [one.to_json() for one in x] for of, x in self.differences.items()},
            "forgotten": self.forgotten,
            "answers": [
                {"asked": a.source, "expected": a.expected, "before": a.written, "after": b.written}
                for a, b in zip(*self.texts, strict=True)
            ],
            "sentence": self.sentence,
        }
