"""What became of a model that was compressed in steps: a line for it and for each step."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cartograd.apps.answers import units

Interval = tuple[float, float]

COLUMNS = (
    "step", "metric", "weights", "zero", "size", "one example", "memory", "agrees",
)  # fmt: skip
"""The table's heads; `metric` stands for its name."""


@dataclass(frozen=True)
class Stage:
    """The model after a step, beside the original; all on the same examples and machine.

    Attributes:
        step: its spec; `original` of the model that came in.
        value: of the metric.
        interval: of that, 95 %.
        parameters: numbers of its weights.
        zeros: share of the weights that are zero.
        size: bytes of its weights and buffers.
        latency: median seconds of one example.
        ratio: median of how many times as long it took as the original, asked in turns; with its
            95 % interval.
        memory: bytes held at the peak of a batch; None where the system does not say.
        agreement: share of the examples that it answers with the original's class, with its 95 %
            interval; None where answers are no classes.
        path: its bundle.
        half: between which seconds half of the calls with one example were.
    """

    step: str
    value: float
    interval: Interval
    parameters: int
    zeros: float
    size: int
    latency: float
    ratio: tuple[float, float, float]
    memory: int | None
    agreement: tuple[float, float, float] | None
    path: Path
    half: tuple[float, float] | None = None

    @property
    def speed(self) -> str:
        """How fast it is beside the original; `faster` only where it was measured to be."""
        middle, low, high = self.ratio
        if high < 1:
            return f"faster here: {units.times(1 / middle, 1 / high, 1 / low)} as fast"
        if low > 1:
            return f"slower here: {units.times(middle, low, high)} as long"
        return f"as fast here as can be told: {units.times(middle, low, high)} as long"

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return dict(vars(self)) | {"path": str(self.path), "faster": self.ratio[2] < 1}


@dataclass(frozen=True)
class Slimmed:
    """What came of all steps.

    Attributes:
        path: the folder: `bundle` is the last step's, `steps` holds all of them.
        metric: what `value` is.
        examples: how many it was measured on.
        part: of the data.
        stages: the original first.
        computes: what multiplies by the last one's rounded weights on this machine, in words.
    """

    path: Path
    metric: str
    examples: int
    part: str
    stages: tuple[Stage, ...]
    computes: str = ""

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "path": str(self.path), "metric": self.metric, "examples": self.examples,
            "part": self.part, "computes": self.computes,
            "stages": [stage.to_json() for stage in self.stages],
        }  # fmt: skip

    @property
    def page(self) -> Path:
        """The report."""
        return self.path / "report.html"

    def rows(self) -> list[tuple[str, ...]]:
        """The table, for people."""
        return [
            (
                stage.step,
                f"{units.metric(self.metric, stage.value)} "
                f"({units.ends(self.metric, *stage.interval)})",
                f"{stage.parameters:,}",
                units.percent(stage.zeros) if stage.zeros > 0.001 else "",
                units.size(stage.size),
                units.took(stage.latency, stage.half),
                "" if stage.memory is None else units.size(stage.memory),
                "" if stage.agreement is None else units.percent(stage.agreement[0]),
            )
            for stage in self.stages
        ]

    @property
    def said(self) -> list[tuple[str, str]]:
        """The last stage beside the original, in lines."""
        first, last = self.stages[0], self.stages[-1]
        agrees = last.agreement
        told = [
            ("size", f"{first.size / last.size:.2f} times smaller"
             if last.size < first.size else "no smaller"),
            ("speed", last.speed),
        ]  # fmt: skip
        told += [("computes", self.computes)] if self.computes else []
        if agrees is not None:
            ends = " to ".join(units.percent(end) for end in agrees[1:])
            told.append(("agreement", f"{units.percent(agrees[0])} ({ends})"))
        return [*told, ("bundle", str(self.path / "bundle")), ("report", str(self.page))]
