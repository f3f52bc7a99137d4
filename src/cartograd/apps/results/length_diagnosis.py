"""How far back a language model finds what it has read, and how well it predicts by position."""

from dataclasses import dataclass
from pathlib import Path

from cartograd.core.notebook import drawn
from cartograd.practice.metrics.interval import wilson
from cartograd.training.diagnosis.needle import NeedleGrid
from cartograd.training.diagnosis.position_loss import PositionLoss


@dataclass(frozen=True)
class LengthDiagnosis:
    """What a language model does with long texts; None for what was not looked at.

    Attributes:
        name: of the model.
        context: tokens that it reads at most, where it says so.
        kept: how it reads: `all`, or its sinks and window.
        needle: the grid of needles.
        position: the loss by position.
    """

    name: str
    context: int | None
    kept: str
    needle: NeedleGrid | None = None
    position: PositionLoss | None = None

    def rows(self) -> list[tuple[str, str, str]]:
        """Of each length the shares of needles, exact and chosen, with their 95 % intervals."""
        if self.needle is None:
            return []
        trials = self.needle.trials * len(self.needle.depths)
        found = []
        for number, length in enumerate(self.needle.lengths):
            cells = []
            for chosen in (False, True):
                share = self.needle.by_length(chosen=chosen)[number]
                low, high = wilson(round(share * trials), trials)
                cells.append(f"{100 * share:.0f} % ({100 * low:.0f} to {100 * high:.0f})")
            found.append((f"{length:,}", *cells))
        return found

    def draw(self, path: str | Path, /) -> Path:
        """Write the diagnosis as a page with its pictures."""
        return drawn("length:length_page", self, path)
