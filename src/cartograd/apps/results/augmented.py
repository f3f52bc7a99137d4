"""Examples as they are, and as an augmentation shows them in several epochs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cartograd.core.notebook import drawn
from cartograd.core.ports import Port
from cartograd.data.dataset.dataset import Split


@dataclass(frozen=True)
class Augmented:
    """What an augmentation makes of examples.

    Attributes:
        before: the examples.
        after: the same in each epoch.
        port: of the inputs.
    """

    before: Split
    after: tuple[Split, ...]
    port: Port

    def to_json(self) -> dict[str, Any]:
        """How many there are."""
        return {"examples": len(self.before), "epochs": len(self.after)}

    def draw(self, path: str | Path, /) -> Path:
        """Write a row for each example, as it is and then each epoch, as PNG."""
        return drawn("drawings:augmented", self, path)
