"""Examples that were made of their gradients: figures, their controls and a verdict."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from cartograd.practice.metrics.proportion import exact

CLEAR = 25.0
"""Decibels from which on a picture counts as come back."""


@dataclass(frozen=True)
class Regained:
    """Examples that were made of their gradients.

    Attributes:
        real: the examples.
        made: what was made of their gradients.
        hidden: what was made of the gradients after clipping and noise.
        decibels, noised, usual: peak signal-to-noise ratios of these, and of the mean of other
            examples.
        named: of how many the class was read off the gradient.
        told: whether the class had to be told, as no bias shows it.
        noise: of the control, in units of the clipped length.
    """

    real: Float[Tensor, "n ..."]
    made: Float[Tensor, "n ..."]
    hidden: Float[Tensor, "n ..."]
    decibels: Float[Tensor, " n"]
    noised: Float[Tensor, " n"]
    usual: Float[Tensor, " n"]
    named: int
    told: bool
    noise: float

    columns = ("example", "from its gradient", "after clipping and noise", "mean of others")

    @property
    def value(self) -> float:
        """The share of examples that come back."""
        return float((self.decibels >= CLEAR).double().mean())

    @property
    def interval(self) -> tuple[float, float]:
        """Of that share, 95 %."""
        return exact(int((self.decibels >= CLEAR).sum()), len(self.decibels))

    @property
    def by_chance(self) -> float:
        """The share that comes back after clipping and noise."""
        return float((self.noised >= CLEAR).double().mean())

    @property
    def leaks(self) -> bool:
        """Whether more comes back than by chance."""
        return self.interval[0] > self.by_chance

    @property
    def verdict(self) -> str:
        """In a sentence."""
        back, count = int((self.decibels >= CLEAR).sum()), len(self.decibels)
        said = f"{back} of {count} come back at {CLEAR:g} dB or more from a gradient of one example"
        return f"{said}; {int((self.noised >= CLEAR).sum())} do after clipping and noise"

    @property
    def notes(self) -> list[tuple[str, str]]:
        """Lines beside the table."""
        count, low, high = len(self.real), *self.interval
        read = (
            "had to be told" if self.told else f"read off the gradient of {self.named} of {count}"
        )
        return [
            ("median", f"{float(self.decibels.median()):.1f} dB; {float(self.noised.median()):.1f}"
             f" dB after noise {self.noise:g}"),
            ("come back", f"{self.value:.0%} ({low:.0%} to {high:.0%})"),
            ("class", read),
            ("verdict", self.verdict),
        ]  # fmt: skip

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each example."""
        each = zip(*(x.tolist() for x in (self.decibels, self.noised, self.usual)), strict=True)
        return [(str(n), *(f"{value:.1f} dB" for value in row)) for n, row in enumerate(each, 1)]

    def to_json(self) -> dict[str, Any]:
        """Everything but the pictures."""
        return {
            "come_back": self.value,
            "interval": list(self.interval),
            "psnr": self.decibels.tolist(),
            "psnr_after_noise": self.noised.tolist(),
            "psnr_of_mean": self.usual.tolist(),
            "classes_read": None if self.told else self.named,
            "noise": self.noise,
            "leaks": self.leaks,
            "verdict": self.verdict,
        }
