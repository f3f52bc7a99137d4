"""Any number of classes for each example: those whose own probability is at least a half."""

from dataclasses import dataclass, field
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.answers.asked import Asked
from cartograd.core.decided import likely

LIKELY = 0.5
"""The probability from which a class counts."""


@dataclass(frozen=True)
class Chosen:
    """The probability of each class by itself, the likeliest first.

    >>> Chosen({"rain": 0.9, "wind": 0.6, "snow": 0.1}).labels
    ['rain', 'wind']
    """

    probabilities: dict[str, float]
    thresholds: dict[str, float] = field(default_factory=dict)
    """From which probability each class counts, where that was chosen; else `LIKELY`."""

    @property
    def labels(self) -> list[str]:
        """The classes that count."""
        given = self.probabilities.items()
        return [label for label, share in given if share >= self.thresholds.get(label, LIKELY)]

    def to_json(self) -> dict[str, Any]:
        """The classes that count, from which probability on, and that of each that is named."""
        return {
            "labels": self.labels,
            "threshold": self.thresholds or LIKELY,
            "probabilities": self.probabilities,
        }

    def rows(self) -> list[list[tuple[str, str]]]:
        """A row for each class that counts."""
        return [
            [("label", label), ("probability", units.percent(self.probabilities[label]))]
            for label in self.labels
        ] or [[("label", "none"), ("probability", f"none reaches {self._reached()}")]]

    def _reached(self) -> str:
        return "its threshold" if self.thresholds else units.percent(LIKELY)

    def flat(self) -> dict[str, Any]:
        """The classes that count, in one cell."""
        return {"labels": ";".join(self.labels)}

    def draw(self, axes: Any, /) -> None:
        """A bar for each class, and where they begin to count."""
        shown = list(self.probabilities.items())[::-1]
        axes.barh([label for label, _ in shown], [share for _, share in shown])
        if not self.thresholds:
            axes.axvline(LIKELY, linestyle=":")
        axes.set_xlim(0, 1)
        axes.set_xlabel("probability")


def answers(asked: Asked, /) -> list[Chosen]:
    """Each class by the sigmoid of its own logit."""
    found, port = [], asked.signature.output
    limits = dict(zip(asked.labels, port.thresholds, strict=False))
    for row in likely(asked.outputs, port).double().sigmoid():
        shares, order = row.topk(min(asked.top or len(row), len(row)))
        pairs = zip(order.tolist(), shares.tolist(), strict=True)
        found.append(Chosen({asked.labels[index]: share for index, share in pairs}, limits))
    return found
