"""The steps to come, each with an interval."""

import math
from dataclasses import dataclass
from typing import Any

from cartograd.apps.answers.asked import Asked
from cartograd.core.errors import UsageError

PAST = 60
"""Steps of the past that a picture shows at most, or four horizons if these are more."""


@dataclass(frozen=True)
class Series:
    """A low end, a middle and a high end for each step.

    Attributes:
        low: low ends.
        middle: middles.
        high: high ends.
        times: when the steps are, if that is known.
        past: the values before them, if the input holds them.
    """

    low: tuple[float, ...]
    middle: tuple[float, ...]
    high: tuple[float, ...]
    times: tuple[str, ...] = ()
    past: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The three series, with the times of the steps where they are known."""
        ends = {"low": list(self.low), "middle": list(self.middle), "high": list(self.high)}
        return ({"times": list(self.times)} if self.times else {}) | ends

    def rows(self) -> list[list[tuple[str, str]]]:
        """A row for each step."""
        steps = [str(number) for number in range(1, len(self.middle) + 1)]
        column, names = ("time", self.times) if self.times else ("step", steps)
        digits = self._digits
        ends = zip(names, self.low, self.middle, self.high, strict=True)
        return [
            [(column, name)]
            + [
                (end, f"{v:,.{digits}f}")
                for end, v in zip(("low", "middle", "high"), one, strict=True)
            ]
            for name, *one in ends
        ]

    @property
    def _digits(self) -> int:
        """Decimals that tell the ends of the narrowest interval apart, and one more."""
        width = min(high - low for low, high in zip(self.low, self.high, strict=True))
        return min(6, max(0, 1 - math.floor(math.log10(width)))) if 0 < width < math.inf else 2

    def flat(self) -> list[dict[str, Any]]:
        """A row for each step, in full precision."""
        count = len(self.middle)
        column = "time" if self.times else "step"
        steps = self.times or tuple(range(1, count + 1))
        ends = zip(steps, self.low, self.middle, self.high, strict=True)
        return [dict(zip((column, "low", "middle", "high"), one, strict=True)) for one in ends]

    def draw(self, axes: Any, /) -> None:
        """What was, and the middle as a line with the interval as a band."""
        past = self.past[-max(PAST, 4 * len(self.middle)) :]
        steps = range(1, len(self.middle) + 1)
        axes.plot(range(1 - len(past), 1), past)
        axes.fill_between(steps, self.low, self.high, alpha=0.3)
        axes.plot(steps, self.middle)
        axes.set_xlabel(f"steps after {self.times[0]}" if self.times else "step")


def answers(asked: Asked, /) -> list[Series]:
    """Of outputs `b t 3`.

    Raises:
        UsageError: there are not three numbers for each step.
    """
    if asked.outputs.ndim != 3 or asked.outputs.shape[-1] != 3:
        raise UsageError(
            f"a forecast has shape {tuple(asked.outputs.shape)}; expected (examples, steps, 3): "
            "the low end, middle and high end of each step"
        )
    seen = asked.signature.input.kind == "series"
    past = asked.x[:, 0].tolist() if seen else [()] * len(asked.outputs)
    return [
        Series(*map(tuple, rows.T.tolist()), past=tuple(before))
        for rows, before in zip(asked.outputs, past, strict=True)
    ]
