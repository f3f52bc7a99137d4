"""Any number of classes for each example: those whose own probability is at least a half."""

from dataclasses import dataclass
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.answers.asked import Asked

LIKELY = 0.5
"""The probability from which a class counts."""


@dataclass(frozen=True)
class Chosen:
    """The probability of each class by itself, the likeliest first.

    >>> Chosen({"rain": 0.9, "wind": 0.6, "snow": 0.1}).labels
    ['rain', 'wind']
    """

    probabilities: dict[str, float]

    @property
    def labels(self) -> list[str]:
        """The classes that count."""
        return [label for label, share in self.probabilities.items() if share >= LIKELY]

    def to_json(self) -> dict[str, Any]:
        """The classes that count, from which probability on, and that of each that is named."""
        return {
            "labels": self.labels,
            "threshold": LIKELY,
            "probabilities": self.probabilities,
        }

    def rows(self) -> list[list[tuple[str, str]]]:
        """A row for each class that counts."""
        return [
            [("label", label), ("probability", units.percent(self.probabilities[label]))]
            for label in self.labels
        ] or [[("label", "none"), ("probability", f"none reaches {units.percent(LIKELY)}")]]

    def flat(self) -> dict[str, Any]:
        """The classes that count, in one cell."""
        return {"labels": ";".join(self.labels)}

    def draw(self, axes: Any, /) -> None:
        """A bar for each class, and where they begin to count."""
        shown = list(self.probabilities.items())[::-1]
        axes.barh([label for label, _ in shown], [share for _, share in shown])
        axes.axvline(LIKELY, linestyle=":")
        axes.set_xlim(0, 1)
        axes.set_xlabel("probability")


def answers(asked: Asked, /) -> list[Chosen]:
    """Each class by the sigmoid of its own logit."""
    found = []
    for row in asked.outputs.double().sigmoid():
        shares, order = row.topk(min(asked.top or len(row), len(row)))
        pairs = zip(order.tolist(), shares.tolist(), strict=True)
        found.append(Chosen({asked.labels[index]: share for index, share in pairs}))
    return found
