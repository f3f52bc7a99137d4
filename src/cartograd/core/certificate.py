"""What can be proved of a model's answers around examples, and what proves it."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn


@dataclass(frozen=True)
class Certificate:
    """What was proved of each example; where it is neither proved nor refuted, nothing is known.

    Attributes:
        proved: whether the right class is answered for every input of the example's set.
        refuted: whether the model was run on an input of the set and answered another class.
        size: by how many logits the right class stays ahead at least; where `distance` is named,
            the distance within which it stands (0 for none).
        found: the inputs that refute; elsewhere the examples.
        distance: what the size is a distance by (`l2`); empty where it is none.
        notes: what a reader should know, such as what the set is.
    """

    proved: Bool[Tensor, " b"]
    refuted: Bool[Tensor, " b"]
    size: Float[Tensor, " b"]
    found: Shaped[Tensor, "b ..."]
    distance: str = ""
    notes: tuple[str, ...] = ()


@runtime_checkable
class Verifier(Protocol):
    """A proof that an answer stands for all inputs of a set; what `verify` calls."""

    def __call__(
        self, model: nn.Module, x: Shaped[Tensor, "b ..."], y: Int[Tensor, " b"], /
    ) -> Any:
        """A `Certificate`.

        Args:
            model: what is looked at; it is left as it is.
            x: examples, in the units of the input port.
            y: their right classes.
        """
        ...
