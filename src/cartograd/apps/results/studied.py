"""What a study of a model found, to be shown."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cartograd.core.notebook import drawn
from cartograd.core.ports import Port
from cartograd.core.study import Findings


@dataclass(frozen=True)
class Studied:
    """What a study found.

    Attributes:
        method: its spec.
        port: of the model's inputs.
        examples: how many it looked at.
        found: the findings, of the study's own sort.
    """

    method: str
    port: Port
    examples: int
    found: Findings

    def to_json(self) -> dict[str, Any]:
        """Everything, for other programs."""
        return {"method": self.method, "examples": self.examples} | self.found.to_json()

    @property
    def notes(self) -> list[tuple[str, str]]:
        """Lines beside the table."""
        return self.found.notes

    def rows(self) -> list[tuple[str, ...]]:
        """The cells of its table; `found.columns` has the headings."""
        return self.found.rows()

    def draw(self, path: str | Path, /) -> Path:
        """Write what it found, as PNG."""
        return drawn("studies:study", self, path)
