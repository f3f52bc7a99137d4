"""Groups of runs side by side: each the trainings of one arm, by several seeds."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cartograd.apps.answers.averaged import spoken
from cartograd.apps.load.runs import Look
from cartograd.core.notebook import drawn

ALPHA = 0.05
"""Chance of noise below which a difference counts, of all pairs together."""


@dataclass(frozen=True)
class Group:
    """One arm: what to call it, and its runs."""

    name: str
    looks: tuple[Look, ...]

    @property
    def seeds(self) -> tuple[Any, ...]:
        """The seed of each training."""
        return tuple(look.settings.get("seed", 0) for look in self.looks)


@dataclass(frozen=True)
class ArmFigure:
    """A metric of an arm.

    Attributes:
        value: the mean of its runs.
        low, high: 95 % interval of what another training would reach on other examples.
        spread: standard deviation over the runs; None of one run.
        values: of each run.
        seen: what the interval is over: `seeds and examples`, `seeds`, `examples`.
    """

    value: float
    low: float
    high: float
    spread: float | None
    values: tuple[float, ...]
    seen: str


@dataclass(frozen=True)
class Versus:
    """Two arms by one metric.

    Attributes:
        first, second: their names.
        value: second less first.
        low, high: the interval, 95 % of all pairs together (Bonferroni).
        p: of all pairs together (Holm).
        margin: what was given as no difference that matters; None if nothing was.
        same: whether the difference is surely within it, either way.
    """

    first: str
    second: str
    value: float
    low: float
    high: float
    p: float
    margin: float | None = None
    same: bool = False

    @property
    def real(self) -> bool:
        """Whether it is beyond what noise makes."""
        return self.p < ALPHA

    @property
    def verdict(self) -> str:
        """Beyond or within noise; with a margin whether the arms are the same, or it is open."""
        if self.same:
            return "beyond noise, within the margin" if self.real else "the same within the margin"
        if self.margin is None or self.real:
            return "beyond noise" if self.real else "within noise"
        return "undecided: neither beyond noise nor within the margin"

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        told = {"beyond_noise": self.real, "verdict": self.verdict}
        finite = {x: v for x, v in vars(self).items() if v is not None}
        return {x: None if v in (math.inf, -math.inf) else v for x, v in finite.items()} | told


@dataclass(frozen=True)
class GroupMetric:
    """A metric of all arms, and their differences.

    Attributes:
        name: of the metric.
        arms: a figure for each.
        pairs: each arm against each before it.
        of: the `average` over classes, or the `positive` class.
    """

    name: str
    arms: tuple[ArmFigure, ...]
    pairs: tuple[Versus, ...]
    of: dict[str, str] = field(default_factory=dict)

    @property
    def spoken(self) -> str:
        """The metric's name with its average, or with the class that it is of."""
        return spoken(self.name, self.of)


@dataclass(frozen=True)
class GroupComparison:
    """Arms side by side.

    Attributes:
        groups: the arms.
        settings: for each key that differs between arms, a value for each (None: not set).
        metrics: on the same examples.
        data: the source of the examples.
        examples: how many there were.
    """

    groups: tuple[Group, ...]
    settings: dict[str, tuple[Any, ...]]
    metrics: tuple[GroupMetric, ...]
    data: str
    examples: int

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "groups": [
                {"name": x.name, "runs": [one.folder for one in x.looks], "seeds": x.seeds}
                for x in self.groups
            ],
            "settings": {key: list(values) for key, values in self.settings.items()},
            "data": self.data,
            "examples": self.examples,
            "metrics": [
                {
                    "name": x.name,
                    "of": x.of,
                    "arms": [vars(one) for one in x.arms],
                    "pairs": [one.to_json() for one in x.pairs],
                }
                for x in self.metrics
            ],
        }

    def draw(self, path: str | Path, /) -> Path:
        """Write the comparison as a page with its pictures."""
        return drawn("groups:groups_page", self, path)
