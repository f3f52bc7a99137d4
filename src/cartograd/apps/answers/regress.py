"""Real numbers for each example."""

from dataclasses import dataclass
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.answers.asked import Asked


@dataclass(frozen=True)
class Values:
    """Numbers in the target's unit.

    >>> Values((2.5,)).to_json(), Values((2.5, 1.0)).to_json()
    ({'value': 2.5}, {'values': [2.5, 1.0]})
    """

    values: tuple[Any, ...]

    def to_json(self) -> dict[str, Any]:
        """`value`, or `values` if there are several."""
        if len(self.values) == 1:
            return {"value": self.values[0]}
        return {"values": list(self.values)}

    def rows(self) -> list[list[tuple[str, str]]]:
        """All of them in one cell."""
        return [[("value", ", ".join(map(units.number, self.values)))]]

    def flat(self) -> dict[str, Any]:
        """`value`, or `value1` and so on."""
        if "value" in self.to_json():
            return self.to_json()
        return {f"value{index}": value for index, value in enumerate(self.values, start=1)}

    def draw(self, axes: Any, /) -> None:
        """A bar for each."""
        axes.bar([str(index) for index in range(1, len(self.values) + 1)], self.values)
        axes.set_ylabel("value")


def answers(asked: Asked, /) -> list[Values]:
    """The outputs as they are: the model gives them in the target's unit."""
    rows = (
        asked.outputs.reshape(len(asked.outputs), -1) if asked.outputs.ndim < 2 else asked.outputs
    )
    return [Values(tuple(values)) for values in rows.tolist()]
