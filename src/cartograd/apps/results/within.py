"""What a search for a smaller model found: all that was measured, and the best in the budget."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.results.slimmed import Stage

COLUMNS = ("steps", "metric", "size", "one example", "memory", "within")
"""The table's heads; `metric` stands for its name."""

_OWN = re.compile(r",optimizer=\((?:[^()]|\([^()]*\))*\)")
"""What a training after a cut takes over from the original's."""


@dataclass(frozen=True)
class Within:
    """Ways to make a model smaller, measured.

    Attributes:
        path: the folder: `bundle` is the best that is within the budget, `ways` holds all.
        limits: seconds of one example, bytes of weights and of memory, by name.
        metric: what is compared.
        better: whether `higher` or `lower` values of it are.
        examples: how many it was measured on.
        part: of the data.
        stages: the original first; each other's `step` is all steps that led to it.
        left_out: ways that the model does not go, and why.
    """

    path: Path
    limits: Mapping[str, float]
    metric: str
    better: str
    examples: int
    part: str
    stages: tuple[Stage, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    def fits(self, stage: Stage, /) -> bool:
        """Whether a stage is within the budget; a cost that the system does not tell is not."""
        costs = {"latency": stage.latency, "size": stage.size, "memory": stage.memory}
        found = [(costs[name], limit) for name, limit in self.limits.items()]
        return all(cost is not None and cost <= limit for cost, limit in found)

    @property
    def chosen(self) -> Stage | None:
        """The best of those within the budget, of equals the smallest; None if there is none."""
        fitting = [stage for stage in self.stages if self.fits(stage)]
        sign = 1 if self.better == "higher" else -1
        return max(fitting, key=lambda one: (sign * one.value, -one.size), default=None)

    @property
    def front(self) -> tuple[Stage, ...]:
        """Those that no smaller one equals, from the smallest on."""
        sign, found = 1 if self.better == "higher" else -1, list[Stage]()
        for stage in sorted(self.stages, key=lambda one: (one.size, -sign * one.value)):
            if not found or sign * stage.value > sign * found[-1].value:
                found.append(stage)
        return tuple(found)

    @property
    def page(self) -> Path:
        """The report."""
        return self.path / "report.html"

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "path": str(self.path), "limits": dict(self.limits), "metric": self.metric,
            "examples": self.examples, "part": self.part,
            "chosen": None if self.chosen is None else self.chosen.step,
            "front": [stage.step for stage in self.front],
            "stages": [stage.to_json() | {"within": self.fits(stage)} for stage in self.stages],
            "left_out": dict(self.left_out),
        }  # fmt: skip

    def rows(self) -> list[tuple[str, ...]]:
        """The table, for people; with what all trainings learned is said once, below it."""
        return [
            (
                _OWN.sub("", stage.step),
                f"{units.metric(self.metric, stage.value)} "
                f"({units.ends(self.metric, *stage.interval)})",
                units.size(stage.size),
                units.took(stage.latency, stage.half),
                "" if stage.memory is None else units.size(stage.memory),
                ("chosen" if stage is self.chosen else "yes") if self.fits(stage) else "",
            )
            for stage in self.stages
        ]

    @property
    def said(self) -> list[tuple[str, str]]:
        """What was chosen, or that nothing is within the budget, in lines."""
        chosen = self.chosen
        told = [("left out", f"{name}: {why}") for name, why in self.left_out]
        own = {word for stage in self.stages for word in _OWN.findall(stage.step)}
        told += [("learned by", f"{word[1:]}, as the original was") for word in sorted(own)]
        if chosen is None:
            told.append(("chosen", "nothing: no way that was tried is within the budget"))
            return [*told, ("report", str(self.page))]
        told += [("chosen", chosen.step), ("speed", chosen.speed)]
        if chosen.agreement is not None:
            ends = " to ".join(units.percent(end) for end in chosen.agreement[1:])
            told.append(("agreement", f"{units.percent(chosen.agreement[0])} ({ends})"))
        return [*told, ("bundle", str(self.path / "bundle")), ("report", str(self.page))]
