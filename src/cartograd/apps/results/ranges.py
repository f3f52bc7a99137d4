"""Of how many rows an answer stays while cells move within ranges."""

from dataclasses import asdict, dataclass
from typing import Any

from cartograd.apps.answers import units
from cartograd.practice.metrics.proportion import exact

SHOWN = 5
"""Rows of cells that are printed."""


@dataclass(frozen=True)
class Changed:
    """A row whose answer changes.

    Attributes:
        before, after: the classes that are answered.
        cells: of the columns, with which it changes.
    """

    before: str
    after: str
    cells: tuple[float, ...]


@dataclass(frozen=True)
class Ranges:
    """Whether the answers of examples stand within ranges of columns.

    Attributes:
        model: what it is called.
        ranges: as they were asked.
        names: the columns.
        examples: how many were looked at.
        stay: of how many it is proved that the answer stays.
        change: of how many cells were found that change it, and run through the model.
        changed: these.
    """

    model: str
    ranges: tuple[str, ...]
    names: tuple[str, ...]
    examples: int
    stay: int
    change: int
    changed: tuple[Changed, ...]

    @property
    def unknown(self) -> int:
        """How many are left open."""
        return self.examples - self.stay - self.change

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        told = {"model": self.model, "ranges": list(self.ranges), "examples": self.examples}
        told |= {"stay": self.stay, "change": self.change, "unknown": self.unknown}
        return told | {"changed": [asdict(one) for one in self.changed]}

    def rows(self) -> list[tuple[str, str, str]]:
        """How many there are of each sort."""
        rows = []
        for name, count in (
            ("stays (proved)", self.stay), ("changes (shown)", self.change),
            ("is unknown", self.unknown),
        ):  # fmt: skip
            low, high = exact(count, self.examples)
            rows.append((name, str(count), f"{units.percent(low)} to {units.percent(high)}"))
        return rows

    def cells(self) -> list[tuple[str, ...]]:
        """A few rows whose answers change, with the cells that do it."""
        return [
            (f"{one.before} → {one.after}", *(units.number(cell) for cell in one.cells))
            for one in self.changed[:SHOWN]
        ]
