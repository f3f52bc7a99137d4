"""What answers are, and what they are made of: outputs, whoever computed them."""

from typing import Any, Protocol, runtime_checkable

from cartograd.core.arrays import Tensor
from cartograd.core.ports import Signature


@runtime_checkable
class Answer(Protocol):
    """A model's answer for one example."""

    def to_json(self) -> dict[str, Any]:
        """As JSON types: what `predict` returns and the server sends."""
        ...

    def rows(self) -> list[list[tuple[str, str]]]:
        """As rows of a table, each cell with its column."""
        ...

    def flat(self) -> dict[str, Any] | list[dict[str, Any]]:
        """As one row of CSV, or as several."""
        ...

    def draw(self, axes: Any, /) -> None:
        """Into axes of matplotlib."""
        ...


@runtime_checkable
class Given(Protocol):
    """A batch of outputs, and how they are to be told."""

    @property
    def signature(self) -> Signature:
        """What the model takes and gives."""
        ...

    @property
    def outputs(self) -> Tensor:
        """What the model gave."""
        ...

    @property
    def spread(self) -> Tensor | None:
        """Standard deviations over passes with dropout, if there were some."""
        ...

    @property
    def top(self) -> int | None:
        """How many classes to name; all if left out."""
        ...
