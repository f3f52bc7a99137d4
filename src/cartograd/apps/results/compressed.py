"""A compressed model's bundle, and how far it differs from the model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.results.judged import Judged, changed


@dataclass(frozen=True)
class Compressed:
    """A bundle of a compressed model.

    Attributes:
        path: its folder.
        method: spec of the compressor.
        before, after: bytes of the weights.
        difference: the largest difference between the answers of both to the examples that the
            bundle keeps, as a share of the largest answer; None if it keeps none.
        changed: answers to them that are other ones, of so many.
        pixels: of masks, the share of all pixels that are answered otherwise.
        parted: where the two part on the first of these; empty where none changed.
        judged: whether it may replace the model, where a margin was given.
        computes: what multiplies by rounded weights on this machine, in words.
    """

    path: Path
    method: str
    before: int
    after: int
    difference: float | None
    changed: tuple[int, int] | None = None
    parted: str = ""
    judged: Judged | None = None
    computes: str = ""
    pixels: float | None = None

    @property
    def may(self) -> bool:
        """Whether nothing speaks against using it in the model's place."""
        return self.judged is None or self.judged.may

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        told = dict(vars(self)) | {"judged": self.judged and self.judged.to_json()}
        if self.changed is not None:
            told["changed"] = dict(zip(("changed", "asked"), self.changed, strict=True))
        return told

    def lines(self) -> list[tuple[str, str]]:
        """What was made, and how it compares."""
        lines = [("method", self.method), ("before", units.size(self.before))]
        lines.append(("after", units.size(self.after)))
        if self.difference is not None:
            also = "" if self.changed is None else f"; {changed(*self.changed, pixels=self.pixels)}"
            share = units.percent(self.difference)
            lines.append(("answers", f"differ by {share} of the largest{also}"))
        lines += [("computes", self.computes)] if self.computes else []
        lines += [("they part", self.parted)] if self.parted else []
        lines += [("verdict", self.judged.said)] if self.judged is not None else []
        return [*lines, ("bundle", str(self.path))]
