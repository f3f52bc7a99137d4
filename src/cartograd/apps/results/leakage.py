"""What a model gives away of the examples that it learned from, to be shown."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cartograd.core.notebook import drawn
from cartograd.core.ports import Port


@dataclass(frozen=True)
class Leakage:
    """What an attack on privacy found.

    Attributes:
        method: its spec.
        model: what was attacked.
        source: the data.
        port: of the model's inputs.
        examples: how many members, or canaries, were looked at.
        seed: of all draws.
        found: the findings, of the attack's own sort.
        notes: what a reader should know.
    """

    method: str
    model: str
    source: str
    port: Port
    examples: int
    seed: int
    found: Any
    notes: tuple[str, ...] = ()

    @property
    def value(self) -> float:
        """The attack's main figure."""
        return self.found.value

    @property
    def interval(self) -> tuple[float, float]:
        """Of the main figure, 95 %."""
        return self.found.interval

    @property
    def by_chance(self) -> float:
        """The same figure of the control."""
        return self.found.by_chance

    @property
    def leaks(self) -> bool:
        """Whether more is told than chance would."""
        return self.found.leaks

    @property
    def verdict(self) -> str:
        """In a sentence."""
        return self.found.verdict

    def to_json(self) -> dict[str, Any]:
        """Everything but the pictures, for other programs."""
        told = {
            "method": self.method, "model": self.model, "data": self.source,
            "examples": self.examples, "seed": self.seed, "notes": list(self.notes),
        }  # fmt: skip
        return told | self.found.to_json()

    def rows(self) -> list[tuple[str, ...]]:
        """The cells of its table; `found.columns` has the headings."""
        return self.found.rows()

    def draw(self, path: str | Path, /) -> Path:
        """Write what it found, as PNG."""
        return drawn("leaks:leak", self, path)
