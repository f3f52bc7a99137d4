"""The leaderboard of a search: every try with its line, and what is kept."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.answers.target_unit import of_target
from cartograd.apps.auto.tried import Tried
from cartograd.apps.results.evaluation import Evaluation
from cartograd.core.files import write_file
from cartograd.core.notebook import drawn


@dataclass(frozen=True)
class Line:
    """A try with what it reaches on the test examples.

    Attributes:
        tried: the training.
        command: that trains it again.
        valid: the metric of the validation examples, by which the choice was made.
        test, low, high: the same of the test examples, with its 95 % interval.
        parameters: numbers that it learned.
    """

    tried: Tried
    command: str
    valid: float
    test: float
    low: float
    high: float
    parameters: int

    def cells(self, metric: str, /) -> tuple[str, ...]:
        """A row of the table."""
        shown = [units.metric(metric, x) for x in (self.valid, self.test, self.low, self.high)]
        return (
            f"{self.tried.name} (cut short)" if self.tried.cut else self.tried.name,
            self.tried.model,
            shown[0],
            self._crossed(metric),
            shown[1],
            f"{shown[2]} to {shown[3]}",
            units.seconds(self.tried.seconds),
            f"{self.parameters:,}",
        )

    def _crossed(self, metric: str) -> str:
        """The metric by cross-validation, if there was one."""
        found = self.tried.crossed
        return "" if found is None else units.metric(metric, abs(found))


HEAD = ("run", "model", "valid", "folds", "test", "95 % interval", "time", "parameters")


@dataclass(frozen=True)
class Leaderboard:
    """What a search found.

    Attributes:
        data: the data, as `train` takes them.
        metric: by which the choice was made, on the validation examples.
        lines: the tries, best first.
        failed: those of which nothing came, with the reason.
        folder: of the search.
        best: the bundle that is kept.
        members: of the average that it is, and how often each counts; empty where it is one run.
        valid: its metric on the examples that judged.
        judges: which these were, in words.
        found: what it reaches on the test examples, beside a constant answer and a quick model.
        decided: what was decided on the data, a line each.
        minutes: that were given.
        again: the line that repeats the search.
    """

    data: str
    metric: str
    lines: tuple[Line, ...]
    failed: tuple[Tried, ...]
    folder: Path
    best: Path
    members: dict[str, int]
    valid: float
    judges: str
    found: Evaluation = field(repr=False)
    decided: tuple[str, ...] = ()
    minutes: float = 0.0
    again: str = ""

    @property
    def unit(self) -> str:
        """Which metrics are in the unit of the target, in words; empty if none is."""
        seen = self.found.seen
        port = None if seen is None else seen.examples.signature.output
        return "" if port is None else of_target(self.found.metrics, port)

    @property
    def kept(self) -> str:
        """What is kept, in words."""
        if not self.members:
            return f"{self.lines[0].tried.name} ({self.lines[0].tried.model})"
        named = ", ".join(f"{name} ({n})" for name, n in self.members.items())
        return f"the average of {named}"

    def to_json(self) -> dict[str, Any]:
        """The leaderboard as JSON types."""
        return {
            "data": self.data,
            "metric": self.metric,
            "verdict": self.found.baseline,
            "best": self.best,
            "members": self.members,
            "valid": self.valid,
            "judges": self.judges,
            "test": self.found.to_json(),
            "runs": [
                one.tried.to_json()
                | {"command": one.command, "valid": one.valid, "test": one.test}
                | {"test_low": one.low, "test_high": one.high, "parameters": one.parameters}
                for one in self.lines
            ],
            "failed": [one.to_json() for one in self.failed],
            "decided": list(self.decided),
            "minutes": self.minutes,
            "again": self.again,
        }

    def write(self) -> Sequence[Path]:
        """Write it as JSON and as a page, beside the runs."""
        told = json.dumps(self.to_json(), indent=1, default=str, ensure_ascii=False)
        return (
            write_file(self.folder / "leaderboard.json", told + "\n"),
            self.draw(self.folder / "leaderboard.html"),
        )

    def draw(self, path: str | Path, /) -> Path:
        """Write it as a page."""
        return drawn("leaderboard:leaderboard_page", self, path)
