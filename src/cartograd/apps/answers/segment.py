"""A class for each pixel."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.answers.asked import Asked


@dataclass(frozen=True)
class Mask:
    """The number of a class at each pixel, row by row.

    >>> Mask(((0, 0), (0, 1)), ("sky", "sea")).shares()
    {'sky': 0.75, 'sea': 0.25}
    """

    classes: tuple[tuple[int, ...], ...]
    labels: tuple[str, ...]

    def shares(self) -> dict[str, float]:
        """Which share of the picture each class fills, the largest first."""
        counted = Counter(class_ for row in self.classes for class_ in row)
        return {self.labels[i]: n / counted.total() for i, n in counted.most_common()}

    def to_json(self) -> dict[str, Any]:
        """The mask, and what its numbers mean."""
        return {"mask": [list(row) for row in self.classes], "labels": list(self.labels)}

    def rows(self) -> list[list[tuple[str, str]]]:
        """A row for each class that is there."""
        return [
            [("label", label), ("share", units.percent(share))]
            for label, share in self.shares().items()
        ]

    def flat(self) -> dict[str, Any]:
        """The share of each class."""
        return dict.fromkeys(self.labels, 0.0) | self.shares()

    def draw(self, axes: Any, /) -> None:
        """A colour for each class."""
        axes.imshow(self.classes, vmin=0, vmax=len(self.labels) - 1, cmap="tab20")


def answers(asked: Asked, /) -> list[Mask]:
    """The likeliest class of each pixel, of outputs `b k y x`."""
    masks = asked.outputs.argmax(1).tolist()
    return [Mask(tuple(map(tuple, rows)), asked.labels) for rows in masks]
