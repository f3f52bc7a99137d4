"""Pictures of classes that were made of a model: figures, their controls and a verdict."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from cartograd.practice.metrics.proportion import exact


@dataclass(frozen=True)
class Rebuilt:
    """Pictures of classes that were made of a model.

    Attributes:
        labels: of the classes.
        classes: which class each picture is made for.
        pictures: what was made.
        usual: the mean member of each picture's class.
        said: what the judge takes each picture for.
        alike, unlike: correlation with the mean member of the own class, and of the others.
        untrained: how many of an untrained network the judge takes for their class.
        known: share of the unseen members that the judge is right on.
    """

    labels: tuple[str, ...]
    classes: Int[Tensor, " c"]
    pictures: Float[Tensor, "c ..."]
    usual: Float[Tensor, "c ..."]
    said: Int[Tensor, " c"]
    alike: Float[Tensor, " c"]
    unlike: Float[Tensor, " c"]
    untrained: int
    known: float

    columns = ("class", "recognised", "taken for", "like its class", "like others")

    @property
    def recognised(self) -> int:
        """How many pictures the judge takes for their class."""
        return int((self.said == self.classes).sum())

    @property
    def value(self) -> float:
        """The share of pictures that are recognised."""
        return self.recognised / len(self.classes)

    @property
    def interval(self) -> tuple[float, float]:
        """Of that share, 95 %."""
        return exact(self.recognised, len(self.classes))

    @property
    def by_chance(self) -> float:
        """The larger of the share that is recognised of an untrained network, and of guessing."""
        return max(self.untrained / len(self.classes), 1 / len(self.labels))

    @property
    def leaks(self) -> bool:
        """Whether more is recognised than by chance."""
        return self.interval[0] > self.by_chance

    @property
    def verdict(self) -> str:
        """In a sentence."""
        if self.leaks:
            return "its classes are recognised in pictures that were made of the model alone"
        return "no more is recognised than by chance, which is no proof that nothing is kept"

    @property
    def notes(self) -> list[tuple[str, str]]:
        """Lines beside the table."""
        count, (low, high) = len(self.classes), self.interval
        return [
            ("recognised", f"{self.recognised} of {count} pictures ({low:.0%} to {high:.0%})"),
            ("by chance", f"{count / len(self.labels):.0f}; of an untrained one {self.untrained}"),
            ("judge", f"learned from other examples; right on {self.known:.1%} of the members"),
            ("verdict", self.verdict),
        ]

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each class."""
        rows = list[tuple[str, ...]]()
        for number, label in enumerate(self.labels):
            own = self.classes == number
            if not own.any():
                continue
            right = int((self.said[own] == number).sum())
            often = self.labels[int(self.said[own].mode().values)]
            like, other = float(self.alike[own].mean()), float(self.unlike[own].mean())
            rows.append((label, f"{right} of {int(own.sum())}", often, f"{like:.2f}",
                         f"{other:.2f}"))  # fmt: skip
        return rows

    def to_json(self) -> dict[str, Any]:
        """Everything but the pictures."""
        return {
            "recognised": self.value,
            "interval": list(self.interval),
            "pictures": len(self.classes),
            "chance": 1 / len(self.labels),
            "untrained": self.untrained / len(self.classes),
            "correlation": float(self.alike.mean()),
            "correlation_with_others": float(self.unlike.mean()),
            "judge_accuracy": self.known,
            "leaks": self.leaks,
            "verdict": self.verdict,
        }
