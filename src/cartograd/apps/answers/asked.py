"""What an answer is made of: a batch, the model's outputs for it, and the tokenizer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.onednn_linear import onednn_linear
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

    def flat(self) -> dict[str, Any]:
        """As one row of CSV."""
        ...

    def draw(self, axes: Any, /) -> None:
        """Into axes of matplotlib."""
        ...


@dataclass(frozen=True)
class Asked:
    """A batch and the model that answers it.

    Attributes:
        model: in eval mode.
        signature: what it takes and gives.
        x: as the input port describes it.
        device: where the model is, if not where `x` is.
        tokenizer: what spells tokens, for models of text.
        top: how many classes to name, the likeliest first; all if left out.
        name: what the model is called in messages.
        others: further inputs of a model that takes several.
    """

    model: nn.Module
    signature: Signature
    x: Shaped[Tensor, "b ..."]
    device: torch.device | None = None
    tokenizer: Any = None
    top: int | None = None
    name: str = "the model"
    others: tuple[Tensor, ...] = ()

    @cached_property
    def outputs(self) -> Tensor:
        """What the model gives, on the CPU."""
        given = (self.x, *self.others)
        if self.device is not None:
            given = tuple(one.to(self.device) for one in given)
        return self.model(*given).cpu()

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, or their numbers."""
        port, classes = self.signature.output, self.signature.classes
        return port.labels or tuple(map(str, range(classes or 0)))


@torch.inference_mode()
def answers(asked: Asked, /) -> Sequence[Answer]:
    """An answer for each example, made as the output's task says.

    Raises:
        UsageError: the task declines, or the examples cannot be answered.
    """
    task = asked.signature.task
    task.check("predict")
    with onednn_linear(asked.model):
        return import_module(task.answer).answers(asked)


def check_inputs(name: str, signature: Signature, /) -> None:
    """Refuse models that take more than one example at once holds.

    Raises:
        UsageError: there is not exactly one input beside what the model writes itself.
    """
    if len(signature.inputs) - signature.task.writes != 1:
        names = ", ".join(port.name for port in signature.inputs)
        raise UsageError(
            f"{name} has {len(signature.inputs)} inputs ({names}); commands and the server take "
            f"models with one. In Python: cartograd.predict(model, ({names}))"
        )
