"""Two runs side by side: settings, metrics on the same examples, and the changed answers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from cartograd.apps.answers.averaged import spoken
from cartograd.apps.load.runs import Look
from cartograd.apps.results.evaluation import approximate
from cartograd.core.notebook import drawn
from cartograd.data.dataset.dataset import Examples

ALPHA = 0.05
"""Chance of noise below which a difference counts."""


@dataclass(frozen=True)
class Difference:
    """A metric of both runs on the same examples.

    Attributes:
        name: of the metric.
        values: of the first and of the second run.
        intervals: their 95 % intervals, each for itself.
        low, high: 95 % interval of second less first, on the same examples.
        p: McNemar's p-value, for accuracy.
        doubt: why the difference's interval may hold the true one less often than it states.
        of: the `average` over classes, and the `positive` class where it is of one of two.
    """

    name: str
    values: tuple[float, float]
    intervals: tuple[tuple[float, float], tuple[float, float]]
    low: float
    high: float
    p: float | None = None
    doubt: str = ""
    of: dict[str, str] = field(default_factory=dict)

    @property
    def spoken(self) -> str:
        """The metric's name with its average, or with the class that it is of."""
        return spoken(self.name, self.of)

    @property
    def real(self) -> bool:
        """Whether the difference is beyond what noise makes."""
        return self.p < ALPHA if self.p is not None else not self.low <= 0 <= self.high

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        told = {key: value for key, value in vars(self).items() if key != "doubt"}
        told["beyond_noise"] = self.real
        return told | ({"approximate": self.doubt} if self.doubt else {})


@dataclass(frozen=True)
class Change:
    """An example that the runs answer differently: its place, and what was said and true."""

    index: int
    name: str
    first: str
    second: str
    truth: str
    became: str
    """`right`, `wrong`, `other` (both wrong), `better` or `worse` (of values)."""


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side.

    Attributes:
        looks: the runs.
        settings: for each key that differs, both values (None: not set).
        metrics: on the same examples; empty where one of the runs has no bundle.
        changes: the examples that changed: new mistakes first, then mended ones.
        examples: what was compared on, as the second model takes them.
        outputs: of both models.
        data: the source of the examples.
        reason: why nothing was measured, if so.
    """

    looks: tuple[Look, Look]
    settings: dict[str, tuple[Any, Any]]
    metrics: tuple[Difference, ...] = ()
    changes: tuple[Change, ...] = ()
    examples: Examples | None = None
    outputs: tuple[Tensor, Tensor] | None = field(default=None, repr=False)
    data: str = ""
    reason: str = ""

    def approximate(self, called: Callable[[str], str] = str, /) -> str:
        """Which differences' intervals are approximate, and why; nothing where none is.

        Args:
            called: what the table beside it calls the metrics.
        """
        doubts = {item.spoken: item.doubt for item in self.metrics if item.doubt}
        return approximate(doubts, called)

    def draw(self, path: str | Path, /) -> Path:
        """Write the comparison as a page with its pictures."""
        return drawn("compare:comparison_page", self, path)
