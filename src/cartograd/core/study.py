"""What looks at a whole model, and what it gives: protocols, not base classes."""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Shaped
from torch import Tensor, nn


@runtime_checkable
class Findings(Protocol):
    """What a study found: a table, and everything for other programs."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The headings of the table."""
        ...

    @property
    def notes(self) -> list[tuple[str, str]]:
        """Lines beside the table: what, and its value."""
        ...

    def rows(self) -> list[tuple[str, ...]]:
        """The cells of the table."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        ...


@runtime_checkable
class Study(Protocol):
    """What a model has learned as a whole, told by examples; what `study` calls."""

    def __call__(
        self, model: nn.Module, x: Shaped[Tensor, "n ..."], y: Shaped[Tensor, "n ..."], /
    ) -> Any:
        """`Findings`.

        Args:
            model: what is looked at; it is left as it is.
            x: examples, in the units of the input port.
            y: their classes or values.
        """
        ...


@runtime_checkable
class PrivacyAttack(Protocol):
    """What a model tells of the examples that it learned from; what `leak` calls."""

    def __call__(
        self, model: nn.Module, members: tuple[Any, Any], others: tuple[Any, Any], /
    ) -> Any:
        """`Findings`, with the figures that `Leakage` names.

        Args:
            model: what is attacked; it is left as it is.
            members: examples that it learned from and their classes, `n ...` and `n`.
            others: such that it did not.
        """
        ...
