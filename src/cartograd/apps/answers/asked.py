"""What an answer is made of: a batch, the model's outputs for it, and the tokenizer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from cartograd.apps.answers.given import Answer
from cartograd.apps.answers.probabilities import class_probabilities
from cartograd.core.errors import UsageError
from cartograd.core.onednn_linear import onednn_linear
from cartograd.core.ports import Signature
from cartograd.training.regularization.dropout import monte_carlo


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
        texts: the examples as they are written, where they are asked a question.
        question: what is asked of them.
        impossible: whether it is an answer that a text has none.
        language: of what is said, for models that transcribe; found by the model if left out.
        draws: how many passes with dropout on are averaged (Monte-Carlo dropout); if left out
            one without.
    """

    model: nn.Module
    signature: Signature
    x: Shaped[Tensor, "b ..."]
    device: torch.device | None = None
    tokenizer: Any = None
    top: int | None = None
    name: str = "the model"
    others: tuple[Tensor, ...] = ()
    texts: tuple[str, ...] = ()
    question: str | None = None
    impossible: bool = False
    language: str | None = None
    draws: int | None = None

    @cached_property
    def outputs(self) -> Tensor:
        """What the model gives, on the CPU; of several passes the mean.

        Of a classifier's passes it is the logarithm of the mean probabilities.
        """
        if self.draws is not None:
            return self._drawn[0]
        others = (one if self.device is None else one.to(self.device) for one in self.others)
        return self.model(self._moved, *others).cpu()

    @cached_property
    def spread(self) -> Tensor | None:
        """Standard deviation of each output (a classifier's: probability) over the passes."""
        return None if self.draws is None else self._drawn[1]

    @property
    def _moved(self) -> Tensor:
        return self.x if self.device is None else self.x.to(self.device)

    @cached_property
    def _drawn(self) -> tuple[Tensor, Tensor]:
        """Mean and spread over passes, the same ones for the same examples."""
        classes = self.signature.task.target == "class"
        model = Probable(self.model) if classes else self.model
        with torch.random.fork_rng():
            torch.manual_seed(0)
            mean, variance = monte_carlo(model, self._moved, draws=self.draws or 0)
        return (mean.log() if classes else mean).cpu(), variance.sqrt().cpu()

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, or their numbers."""
        port, classes = self.signature.output, self.signature.classes
        return port.labels or tuple(map(str, range(classes or 0)))


class Probable(nn.Module):
    """A classifier that says probabilities; a single logit stands for no and yes."""

    def __init__(self, model: nn.Module, /):
        super().__init__()
        self.model = model

    def forward(self, *x: Tensor) -> Tensor:
        """Probabilities of the classes."""
        return class_probabilities(self.model(*x))


DRAWN = ("classify", "score", "regress")
"""Tasks whose answers are means over passes with dropout."""


@torch.inference_mode()
def answers(asked: Asked, /) -> Sequence[Answer]:
    """An answer for each example, made as the output's task says.

    Raises:
        UsageError: the task declines, or the examples cannot be answered.
    """
    task = asked.signature.task
    task.check("predict")
    if asked.language is not None and task.name != "transcribe":
        raise UsageError(
            f"language={asked.language} is for models that transcribe speech, and {asked.name} "
            "does not; leave it out"
        )
    _check_question(asked)
    if asked.draws is not None and task.name not in DRAWN:
        raise UsageError(
            f"draws={asked.draws} is for classes and values, whose spread over passes with "
            f"dropout can be told; {asked.name} answers the task {task.name!r}; leave it out"
        )
    with onednn_linear(asked.model):
        return import_module(task.answer).answers(asked)


def _check_question(asked: Asked) -> None:
    """Refuse a question that the model does not answer, or the lack of one.

    Raises:
        UsageError: which.
    """
    asks = asked.signature.task.asks
    if asks and not (asked.question or "").strip():
        raise UsageError(
            f"{asked.name} answers a question about each text, and none was given; expected "
            'question="Who ...?" (--question)'
        )
    given = {"question": asked.question is not None, "impossible": asked.impossible}
    for name in () if asks else (name for name, there in given.items() if there):
        raise UsageError(
            f"{name}= is for models that find answers in texts, and {asked.name} answers the task "
            f"{asked.signature.task.name!r}; leave it out"
        )


def check_inputs(name: str, signature: Signature, /) -> None:
    """Refuse models that take more than one example at once holds.

    Raises:
        UsageError: there is not exactly one input beside what the model writes itself.
    """
    task = signature.task
    if not task.asks and len(signature.inputs) - task.writes != 1:
        names = ", ".join(port.name for port in signature.inputs)
        raise UsageError(
            f"{name} has {len(signature.inputs)} inputs ({names}); commands and the server take "
            f"models with one. In Python: cartograd.predict(model, ({names}))"
        )
