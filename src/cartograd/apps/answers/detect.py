"""Boxes: what is where in a picture."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.answers.asked import Asked
from cartograd.core.detections import detections
from cartograd.core.ports import Signature

LIKELY = 0.5
"""The score from which a box counts."""


@dataclass(frozen=True)
class Box:
    """Where something is, as shares of the picture's width and height."""

    label: str
    score: float
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Boxes:
    """The boxes of one picture, the surest first."""

    boxes: tuple[Box, ...]

    def to_json(self) -> dict[str, Any]:
        """Each box with its class and score."""
        return {"boxes": [asdict(box) for box in self.boxes]}

    def rows(self) -> list[list[tuple[str, str]]]:
        """A row for each; one that says so where there is none."""
        return [
            [("label", box.label), ("score", units.percent(box.score)), ("box", _place(box))]
            for box in self.boxes
        ] or [[("label", "nothing"), ("score", ""), ("box", "")]]

    def flat(self) -> dict[str, Any]:
        """All of them in one cell."""
        return {"boxes": ";".join(f"{box.label} {_place(box)}" for box in self.boxes)}

    def draw(self, axes: Any, /) -> None:
        """A rectangle for each, with its class at the corner."""
        axes.set(xlim=(0, 1), ylim=(1, 0))
        for box in self.boxes:
            across = (box.left, box.right, box.right, box.left, box.left)
            axes.plot(across, (box.top, box.top, box.bottom, box.bottom, box.top))
            axes.text(box.left, box.top, f"{box.label} {units.percent(box.score)}")


def _place(box: Box) -> str:
    return f"{box.left:.3f} {box.top:.3f} {box.right:.3f} {box.bottom:.3f}"


def answers(asked: Asked, /) -> list[Boxes]:
    """Of each thing the best box, where its score is high enough to count."""
    classes = asked.signature.classes or asked.outputs.shape[-1] - 4
    names = asked.signature.output.labels or tuple(map(str, range(classes)))
    found = []
    for rows in detections(asked.outputs.double(), classes).tolist():
        boxes = (
            Box(names[int(kind)], score, *corners)
            for *corners, score, kind in rows
            if score >= LIKELY
        )
        found.append(Boxes(tuple(boxes)))
    return found


def best_boxes(signature: Signature, /) -> Callable[[Tensor, Tensor], Tensor] | None:
    """What makes a detector's answers to a batch the boxes that are measured; None of others."""
    if signature.target != "boxes":
        return None
    return lambda outputs, _: detections(outputs, signature.classes or outputs.shape[-1] - 4)
