"""A form with a signature: a run, a bundle, published weights, an adapter, a module of torch."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.answers.probabilities import class_probabilities
from cartograd.apps.replace.form import Facts, Stage
from cartograd.apps.replace.layers import traced
from cartograd.apps.replace.prepared import ByPort
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import inferring
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed


class SignedForm:
    """A model that standardises its inputs itself, and whose ports say how a file is read.

    Args:
        model: with its signature.
        facts: what is known of it.
    """

    def __init__(self, model: Signed, facts: Facts, /):
        check_task(facts.name, model.signature)
        self.model, self.facts = model, facts
        self.signature: Signature | None = model.signature
        self.tokenizer = model.tokenizer
        self.before = ByPort(model.signature.input, model.tokenizer)

    def meet(self, source: Any, /) -> None:
        """Its signature says all."""

    def answer(self, sources: Sequence[Any], /) -> Float[Tensor, "n *t k"]:
        """The probabilities, or values."""
        with inferring(self.model):
            parts = self.before.parts(sources)
            found = [said(self.model(self._read(part)), self.facts) for part in parts]
        return torch.cat(found)

    def stages(self, sources: Sequence[Any], /) -> list[Stage]:
        """How the examples are read, standardised, and pass the layers."""
        x = self._read(sources)
        with inferring(self.model):
            layers, outputs = traced(self.model.model, lambda: self.model(x))
        return [
            *self.before.stages(sources), *layers, Stage("head", "head", outputs),
            Stage("answer", "answer", said(outputs, self.facts)),
        ]  # fmt: skip

    def _read(self, sources: Sequence[Any]) -> Tensor:
        x = self.before.read(sources)
        return x.to(next((p.device for p in self.model.parameters()), x.device))


def said(outputs: Tensor, facts: Facts, /) -> Float[Tensor, "n *t k"]:
    """Logits as probabilities, each by itself where several may hold; values as they are."""
    if facts.several:
        return outputs.detach().double().cpu().sigmoid()
    if facts.labels:
        return class_probabilities(outputs.movedim(1, -1) if facts.of_pixels else outputs)
    return outputs.detach().double().cpu().reshape(len(outputs), -1)


def labels_of(signature: Signature, /) -> tuple[str, ...]:
    """The classes that a model tells apart: their names, or their numbers; none of values."""
    if signature.target not in ("class", "classes"):
        return ()
    count = max(2, signature.classes or 0)
    return signature.output.labels or tuple(map(str, range(count)))


def comparable(signature: Signature, /) -> bool:
    """Whether answers can be held against right ones, of examples or of positions.

    Positions count where each has an answer and nothing has to be hidden or aligned first.
    """
    task = signature.task
    if task.each:
        return task.target == "class" and "accuracy" in task.metrics and not task.hides
    return task.target in ("class", "classes", "value") and not signature.draws


def check_task(name: str, signature: Signature, /) -> None:
    """Refuse what does not answer each example, or each position, with classes or a value.

    Raises:
        UsageError: what it answers with.
    """
    task = signature.task
    if not comparable(signature):
        raise UsageError(
            f"{name} is of the task {task.name}; replace compares models that answer with classes "
            "or a value, for each example or at each position"
        )
    if len(signature.inputs) > 1:
        raise UsageError(f"{name} takes {len(signature.inputs)} inputs; replace asks with one")
