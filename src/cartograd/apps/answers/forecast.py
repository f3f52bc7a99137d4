"""The steps to come, each with an interval."""

from dataclasses import dataclass
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.answers.asked import Asked
from cartograd.core.errors import UsageError


@dataclass(frozen=True)
class Series:
    """A low end, a middle and a high end for each step."""

    low: tuple[float, ...]
    middle: tuple[float, ...]
    high: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """The three series."""
        return {"low": list(self.low), "middle": list(self.middle), "high": list(self.high)}

    def rows(self) -> list[list[tuple[str, str]]]:
        """A row for each step."""
        steps = zip(self.low, self.middle, self.high, strict=True)
        return [
            [("step", str(number))]
            + [
                (name, units.number(v))
                for name, v in zip(("low", "middle", "high"), one, strict=True)
            ]
            for number, one in enumerate(steps, start=1)
        ]

    def flat(self) -> dict[str, Any]:
        """The middles: `value1` and so on."""
        return {f"value{index}": value for index, value in enumerate(self.middle, start=1)}

    def draw(self, axes: Any, /) -> None:
        """The middle as a line, the interval as a band."""
        steps = range(1, len(self.middle) + 1)
        axes.fill_between(steps, self.low, self.high, alpha=0.3)
        axes.plot(steps, self.middle)
        axes.set_xlabel("step")


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
    return [Series(*map(tuple, rows.T.tolist())) for rows in asked.outputs]
