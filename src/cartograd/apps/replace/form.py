"""What every shipped form of a model does: take raw examples, and answer.

A raw example is what a user has: the path or the bytes of a file, the cells of a row by the names
of their columns, a text; of data that come as numbers, these. How it becomes what the network takes
is the form's own affair, for there two forms of one model differ most often.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.ports import Signature
from cartograd.core.task import find, names

Role = Literal["decode", "resize", "encode", "tokenise", "pad", "normalise", "layer", "head",
               "answer"]  # fmt: skip
"""What a stage does."""


MULTI = "multi-label"
"""The task whose classes hold or not, each by itself."""


@dataclass(frozen=True)
class Stage:
    """What one stage on the way from a raw example to an answer gave.

    Attributes:
        name: of the stage; that of a layer within its network.
        role: what it does.
        value: what it gave; tokens as whole numbers.
        module: of a layer, where it is one of torch's.
        given: what that layer was given.
    """

    name: str
    role: Role
    value: Tensor
    module: nn.Module | None = None
    given: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What is known of a form before it answers.

    Attributes:
        name: as the user called it.
        kind: "bundle", "ONNX file", ...
        labels: the classes that it tells apart; empty where it gives a value.
        task: what its answers mean, if it says.
        size: bytes of its weights or its file; None where they are elsewhere.
        trained: the spec of the data that it was trained on, if that is known.
        average: the average of weights that its training kept, if that is known.
    """

    name: str
    kind: str
    labels: tuple[str, ...] = ()
    task: str = ""
    size: int | None = None
    trained: Any = None
    average: str = ""

    @property
    def several(self) -> bool:
        """Whether it says of each class by itself whether it holds."""
        return self.task == MULTI

    @property
    def of_pixels(self) -> bool:
        """Whether it answers with a class for each pixel."""
        return self.task in names() and find(self.task).of_pixels


@runtime_checkable
class Form(Protocol):
    """A model as it is shipped."""

    facts: Facts
    signature: Signature | None
    """What it takes and gives, where it says so: the examples are read by that of the first."""
    tokenizer: Any
    """What turns texts into its tokens, if it says."""

    def meet(self, source: Any, /) -> None:
        """Learn from one answer what it answers with, where nothing else says so."""
        ...

    def answer(self, sources: Sequence[Any], /) -> Float[Tensor, "n *t k"]:
        """The probability of each class, in the order of the labels; or the value (`k` = 1).

        Of tasks with an answer at each position, a row for each of them.

        Raises:
            UsageError: an example cannot be read, or no answer came.
        """
        ...

    def stages(self, sources: Sequence[Any], /) -> list[Stage]:
        """What each stage gives for these examples, from the first to the answer."""
        ...
