"""The protocol of degradations: what is done to pictures that a model learns to restore."""

from typing import Any, ClassVar, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from cartograd.core.ports import Port


@runtime_checkable
class Degradation(Protocol):
    """What a model of the task `restore` sees instead of whole pictures."""

    plain: ClassVar[str]
    """What `guess` does, in words."""

    def port(self, whole: Port, /) -> Port:
        """The port of degraded pictures.

        Raises:
            UsageError: pictures of this size cannot be degraded so.
        """
        ...

    def __call__(self, x: Float[Tensor, "b c y x"], random: Any, /) -> Float[Tensor, "b c y2 x2"]:
        """Degraded pictures.

        Args:
            x: whole ones, from 0 to 1.
            random: the examples' `CounterRandom`.
        """
        ...

    def guess(
        self, x: Float[Tensor, "b c y x"], mean: Float[Tensor, "c y2 x2"], /
    ) -> Float[Tensor, "b c y2 x2"]:
        """Whole pictures as they are guessed without learning: what a model has to beat.

        Args:
            x: degraded ones.
            mean: the mean of whole ones.
        """
        ...
