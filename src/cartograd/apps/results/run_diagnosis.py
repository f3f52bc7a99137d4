"""What a run's curves say, and what to try."""

from dataclasses import dataclass
from pathlib import Path

from cartograd.apps.load.runs import Look
from cartograd.core.notebook import drawn
from cartograd.training.diagnosis.finding import Finding


@dataclass(frozen=True)
class RunDiagnosis:
    """What a run's curves say.

    Attributes:
        run: the run.
        findings: the gravest first.
        chance: the loss of the best constant answer, if it is known.
    """

    run: Look
    findings: tuple[Finding, ...]
    chance: float | None

    def draw(self, path: str | Path, /) -> Path:
        """Write the diagnosis as a page with its pictures."""
        return drawn("diagnosis:run_page", self, path)
