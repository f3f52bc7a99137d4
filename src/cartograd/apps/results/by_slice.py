"""A model's figures on groups of the examples, each beside the rest of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cartograd.apps.answers import units

ALIKE = "no surer difference"
FEW = "too few to say"


@dataclass(frozen=True)
class OfGroup:
    """One group of one way to part the examples.

    Attributes:
        slice: the way: a column, `class`, `brightness`, `length`, `image-size`.
        group: which group of it.
        examples: how many are in it.
        metrics: each metric's value on them; none where it is not defined of them, or they are few.
        intervals: the low and high end of its 95 % interval.
        judged: the metric that the group is held against the rest by; empty if there is none.
        apart: that metric on the group less that on the rest, with an interval that holds for all
            groups of the way together.
        verdict: `worse`, `better`, `no surer difference` or `too few to say`; of a function of the
            user's own `higher` or `lower`.
    """

    slice: str
    group: str
    examples: int
    metrics: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    judged: str = ""
    apart: tuple[float, float, float] | None = None
    verdict: str = FEW

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        found = {
            name: {"value": value, "low": self.intervals[name][0], "high": self.intervals[name][1]}
            for name, value in self.metrics.items()
        }
        apart = (
            None
            if self.apart is None
            else dict(zip(("value", "low", "high"), self.apart, strict=True))
        )
        return {
            "slice": self.slice,
            "group": self.group,
            "examples": self.examples,
            "metrics": found,
            "judged": self.judged or None,
            "apart_from_the_rest": apart,
            "verdict": self.verdict,
        }

    def row(self, names: Sequence[str], /) -> list[str]:
        """As the cells of a table with a column for each of these metrics."""
        cells = []
        for name in names:
            if name not in self.metrics:
                cells.append("-")
                continue
            value = units.metric(name, self.metrics[name])
            cells.append(f"{value} ({units.ends(name, *self.intervals[name])})")
        return [self.slice, self.group, str(self.examples), *cells, self.verdict]


def head(names: Sequence[str], /) -> list[str]:
    """What `OfGroup.row` holds."""
    return ["slice", "group", "examples", *map(units.heading, names), "against the rest"]
