"""How likely each example is under the model."""

from dataclasses import dataclass
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.answers.asked import Asked
from cartograd.core.errors import UsageError


@dataclass(frozen=True)
class Density:
    """The logarithm of a density, in nats.

    >>> Density(-1.5).rows()
    [[('log-density', '-1.5')]]
    """

    log: float

    def to_json(self) -> dict[str, Any]:
        """The log-density."""
        return {"log_density": self.log}

    def rows(self) -> list[list[tuple[str, str]]]:
        """One row."""
        return [[("log-density", units.number(self.log))]]

    def flat(self) -> dict[str, Any]:
        """As in JSON."""
        return self.to_json()

    def draw(self, axes: Any, /) -> None:
        """One bar."""
        axes.barh(["log-density"], [self.log])
        axes.set_xlabel("nats")


def answers(asked: Asked, /) -> list[Density]:
    """Of outputs `b` or `b 1`.

    Raises:
        UsageError: there is not one number for each example.
    """
    if asked.outputs.numel() != len(asked.x):
        raise UsageError(
            f"densities have shape {tuple(asked.outputs.shape)}; expected one for each of "
            f"{len(asked.x)} examples"
        )
    return [Density(value) for value in asked.outputs.flatten().tolist()]
