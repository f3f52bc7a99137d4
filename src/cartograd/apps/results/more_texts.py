"""What became of texts that were to be augmented."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class MoreTexts:
    """How many changed texts were kept, and why others were not.

    Attributes:
        path: the table that was written.
        method: the augmentation.
        texts: for training, each of them changed `copies` times.
        copies: the same.
        kept: new texts.
        unchanged: that say what their original says.
        heard: that say what another text of the data says.
        cut: translations that did not end by themselves, of either translator; their texts are
            among the unchanged.
        shared: what part of the words of new texts stands in their originals.
        examples: originals and what became of them.
        target: the column of their labels.
    """

    path: Path
    method: str
    texts: int
    copies: int
    kept: int
    unchanged: int
    heard: int
    cut: int
    shared: float
    examples: tuple[tuple[str, str], ...]
    target: str

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self) | {"path": str(self.path)}

    def lines(self) -> list[tuple[str, str]]:
        """The same for people."""
        times = "" if self.copies == 1 else f", {self.copies} times each"
        ends = f" (with {self.cut} translations that did not end)" if self.cut else ""
        return [
            ("method", self.method),
            ("changed", f"{self.texts} texts for training{times}; the other parts stay"),
            ("kept", f"{self.kept} new texts, {100 * self.shared:.0f} % of their words are old"),
            ("dropped", f"{self.unchanged} unchanged{ends}, {self.heard} like another text"),
            *[(f"example {i + 1}", f"{a}  ->  {b}") for i, (a, b) in enumerate(self.examples)],
            ("written", str(self.path)),
        ]
