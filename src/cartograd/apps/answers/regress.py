"""Real numbers for each example."""

from dataclasses import dataclass
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.answers.given import Given
from cartograd.core.arrays import Tensor


@dataclass(frozen=True)
class Values:
    """Numbers in the target's unit.

    >>> Values((2.5,)).to_json(), Values((2.5, 1.0)).to_json()
    ({'value': 2.5}, {'values': [2.5, 1.0]})
    >>> Values((2.5,), unit="EUR").to_json(), Values((2.5,), unit="EUR").rows()
    ({'value': 2.5, 'unit': 'EUR'}, [[('value', '2.5 EUR')]])
    """

    values: tuple[Any, ...]
    spread: tuple[float, ...] = ()
    """Standard deviation of each over passes with dropout, if there were some."""
    unit: str = ""
    """In which the targets of the training were written, if they were."""

    def to_json(self) -> dict[str, Any]:
        """`value`, or `values` if there are several; with their spread, if there is one."""
        if len(self.values) == 1:
            single = {"value": self.values[0]} | dict(zip(("spread",), self.spread, strict=False))
            return single | ({"unit": self.unit} if self.unit else {})
        return {"values": list(self.values)} | ({"spread": [*self.spread]} if self.spread else {})

    def rows(self) -> list[list[tuple[str, str]]]:
        """All of them in one cell."""
        written = f" {self.unit}" if self.unit else ""
        cells = [("value", ", ".join(map(units.number, self.values)) + written)]
        if self.spread:
            cells.append(("spread", ", ".join(map(units.number, self.spread))))
        return [cells]

    def flat(self) -> dict[str, Any]:
        """`value`, or `value1` and so on."""
        if "value" in self.to_json():
            return self.to_json()
        kinds = {"value": self.values, "spread": self.spread}
        return {
            f"{kind}{index}": value
            for kind, values in kinds.items()
            for index, value in enumerate(values, start=1)
        }

    def draw(self, axes: Any, /) -> None:
        """A bar for each."""
        axes.bar([str(index) for index in range(1, len(self.values) + 1)], self.values)
        axes.set_ylabel(self.unit or "value")


def answers(asked: Given, /) -> list[Values]:
    """The outputs as they are: the model gives them in the target's unit."""
    rows = _rows(asked.outputs)
    spread = [()] * len(rows) if asked.spread is None else _rows(asked.spread)
    unit = asked.signature.output.unit
    return [Values(tuple(row), tuple(wide), unit) for row, wide in zip(rows, spread, strict=True)]


def _rows(outputs: Tensor) -> list[Any]:
    """A list of numbers for each example."""
    return (outputs.reshape(len(outputs), -1) if outputs.ndim < 2 else outputs).tolist()
