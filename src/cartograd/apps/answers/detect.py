"""Boxes: what is where in a picture."""

from dataclasses import asdict, dataclass
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.answers.asked import Asked

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
    """Of outputs `b q 4+k`: corners, then a logit for each class. Overlaps are not sorted out."""
    labels = asked.signature.output.labels
    found = []
    for rows in asked.outputs.double():
        scores, classes = rows[:, 4:].sigmoid().max(-1)
        names = labels or tuple(map(str, range(rows.shape[1] - 4)))
        boxes = [
            Box(names[int(classes[i])], float(scores[i]), *rows[i, :4].tolist())
            for i in scores.argsort(descending=True, stable=True).tolist()
            if scores[i] >= LIKELY
        ]
        found.append(Boxes(tuple(boxes)))
    return found
