"""How often a model is right with and without an attack."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.core.notebook import drawn
from cartograd.core.ports import Port


@dataclass(frozen=True)
class Robustness:
    """Accuracy with and without an attack.

    Attributes:
        method: spec of the attack.
        examples: how many were attacked.
        clean, robust: accuracy before and after.
        clean_interval, robust_interval: their 95 % intervals (Clopper and Pearson).
        inputs, targets: the examples.
        adversarial: the inputs after the attack.
        before, after: what the model says of each.
        port: of the inputs.
        labels: names of the classes.
        notes: what a reader should know, such as a size that is probably in another unit.
        tokenizer: what writes the examples out, if they are texts.
    """

    method: str
    examples: int
    clean: float
    clean_interval: tuple[float, float]
    robust: float
    robust_interval: tuple[float, float]
    inputs: Shaped[Tensor, "n ..."]
    targets: Int[Tensor, " n"]
    adversarial: Shaped[Tensor, "n ..."]
    before: Int[Tensor, " n"]
    after: Int[Tensor, " n"]
    port: Port
    labels: tuple[str, ...]
    notes: tuple[str, ...] = ()
    tokenizer: Any = field(default=None, repr=False)

    @property
    def turned(self) -> Bool[Tensor, " n"]:
        """Which examples were right before the attack and are wrong after it."""
        return (self.before == self.targets) & (self.after != self.targets)

    def to_json(self) -> dict[str, Any]:
        """As JSON types, but for the examples."""
        told: dict[str, Any] = {"method": self.method, "examples": self.examples}
        told |= {"turned": int(self.turned.sum()), "notes": list(self.notes)}
        return told | {
            key.replace(" ", "_"): {"accuracy": value, "low": low, "high": high}
            for key, value, (low, high) in self._accuracies()
        }

    def rows(self) -> list[tuple[str, str, str]]:
        """Accuracy with its interval, before and under attack."""
        return [
            (key, units.percent(value), f"{units.percent(low)} to {units.percent(high)}")
            for key, value, (low, high) in self._accuracies()
        ]

    def texts(self) -> list[tuple[str, str, str]]:
        """Of texts that the attack turned: what is said of it, the text before and after."""
        if self.tokenizer is None:
            return []
        turned, padding, rows = self.turned, self.port.padding_id, list[tuple[str, str, str]]()
        parts = (self.before, self.after, self.inputs, self.adversarial)
        for was, now, x, z in zip(*(part[turned].tolist() for part in parts), strict=True):
            before, after = (
                self.tokenizer.decode([token for token in text if token != padding])
                for text in (x, z)
            )
            rows.append((f"{self.labels[was]} → {self.labels[now]}", before, after))
        return rows

    def draw(self, path: str | Path, /) -> Path | None:
        """Write the inputs that the attack turned, as PNG; None where there is nothing to draw."""
        return drawn("drawings:attack", self, path)

    def _accuracies(self) -> tuple[tuple[str, float, tuple[float, float]], ...]:
        return (
            ("clean", self.clean, self.clean_interval),
            ("under attack", self.robust, self.robust_interval),
        )
