"""The protocols of poisons, of what finds them, and of what finds changed inputs."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.ports import Signature


@dataclass(frozen=True)
class Poisoned:
    """Training examples, some of which were changed.

    Attributes:
        inputs: all of them, in the units of the input port.
        targets: the classes that are told.
        rows: numbers of those that were changed, in ascending order.
    """

    inputs: Shaped[Tensor, "n ..."]
    targets: Int[Tensor, " n"]
    rows: Int[Tensor, " m"]


@runtime_checkable
class Poison(Protocol):
    """What an attacker does to training examples; what the setting `poison` calls."""

    def __call__(
        self,
        x: Shaped[Tensor, "n ..."],
        y: Int[Tensor, " n"],
        signature: Signature,
        others: tuple[Tensor, Tensor],
        /,
    ) -> Poisoned:
        """The poisoned examples.

        Args:
            x: training examples, in the units of the input port.
            y: their classes.
            signature: of the data.
            others: test inputs and their classes, of which the attacker may have some in mind.

        Raises:
            UsageError: the examples cannot be poisoned so.
        """
        ...

    def probes(
        self,
        x: Shaped[Tensor, "n ..."],
        y: Int[Tensor, " n"],
        signature: Signature,
        /,
    ) -> tuple[Tensor, Tensor] | None:
        """Inputs, and the classes that the attacker wants answered for them.

        None where the attacker wants nothing in particular but harm.

        Args:
            x: test inputs that the model has not learned from.
            y: their classes.
            signature: of the data.
        """
        ...


@dataclass(frozen=True)
class Suspicion:
    """What a detector says of examples.

    Attributes:
        scores: of each example; more is more suspicious.
        flagged: which would be taken out.
        calibrated: whether about a hundredth of clean examples is flagged; else any number is.
        decides: whether more than that in one class is a sign of poison.
    """

    scores: Float[Tensor, " n"]
    flagged: Bool[Tensor, " n"]
    calibrated: bool = False
    decides: bool = False


@runtime_checkable
class Detector(Protocol):
    """What finds poisoned examples, or inputs that an attack has changed; what `scan` calls."""

    def __call__(
        self,
        model: nn.Module,
        x: Shaped[Tensor, "n ..."],
        y: Int[Tensor, " n"],
        trusted: tuple[Tensor, Tensor],
        /,
    ) -> Any:
        """A `Suspicion`.

        Args:
            model: it is left as it is.
            x: examples to judge, in the units of the input port.
            y: the classes that are told of them.
            trusted: inputs that are known to be clean, and their classes.

        Raises:
            UsageError: the examples cannot be judged so.
        """
        ...
