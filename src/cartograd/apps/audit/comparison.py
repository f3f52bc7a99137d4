"""What came of holding a card beside another one."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from cartograd.apps.audit.figure import Figure

Word = Literal["better", "worse", "no difference", "other", ""]


@dataclass(frozen=True)
class Pair:
    """One figure of both cards.

    Attributes:
        name: `SECTION.NAME`.
        own, other: the figures.
        low, high: the 95 % interval of the difference.
        word: how the card's own figure is; `other` of a difference without a better side.
    """

    name: str
    own: Figure
    other: Figure
    low: float
    high: float
    word: Word

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        ends = [end if math.isfinite(end) else None for end in (self.low, self.high)]
        return {"own": self.own.value, "other": self.other.value, "difference": ends,
                "word": self.word}  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """What differs between a card and another one.

    Attributes:
        name: of the other card.
        pairs: figures that both have.
        only: names of figures that one of them has.
        notes: what makes the comparison doubtful, such as other examples.
    """

    name: str
    pairs: tuple[Pair, ...]
    only: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def said(self) -> str:
        """In a sentence."""
        count = {word: [one.word for one in self.pairs].count(word) for word in ("better", "worse")}
        rest = len(self.pairs) - sum(count.values())
        return (
            f"Against {self.name}: {count['better']} figures are better, {count['worse']} worse, "
            f"{rest} cannot be told apart."
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "name": self.name, "said": self.said, "notes": list(self.notes),
            "figures": {one.name: one.to_json() for one in self.pairs}, "only": list(self.only),
        }  # fmt: skip
