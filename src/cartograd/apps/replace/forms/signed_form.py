"""A form with a signature: a run, a bundle, published weights, an adapter, a module of torch."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.apps.answers.probabilities import class_probabilities
from cartograd.apps.replace.form import Facts, Stage
from cartograd.apps.replace.layers import traced
from cartograd.apps.replace.prepared import prepared
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import inferring
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed, statistics
from cartograd.data.decode.read import read

ROWS = 256
"""Examples that go through a model at once; of texts fewer."""
TEXTS = 32


class SignedForm:
    """A model that standardises its inputs itself, and whose ports say how a file is read.

    Args:
        model: with its signature.
        facts: what is known of it.
    """

    def __init__(self, model: Signed, facts: Facts, /):
        self.model, self.facts = model, facts
        self.signature: Signature | None = model.signature
        self.tokenizer = model.tokenizer
        self.port: Port = model.signature.input
        _check(facts.name, model.signature)

    def answer(self, sources: Sequence[Any], /) -> Float[Tensor, "n k"]:
        """The probabilities, or values."""
        with inferring(self.model):
            found = [self._said(self.model(self._read(part))) for part in self._parts(sources)]
        return torch.cat(found)

    def stages(self, sources: Sequence[Any], /) -> list[Stage]:
        """How the examples are read, standardised, and pass the layers."""
        found = [*prepared(self.port, sources, self.tokenizer)]
        x = self._read(sources)
        if self.port.mean:
            mean, std = (one.to(x.device) for one in statistics(self.port))
            found.append(Stage("normalise", "normalise", (x - mean) / std))
        with inferring(self.model):
            layers, outputs = traced(self.model.model, lambda: self.model(x))
        found += [*layers, Stage("head", "head", outputs)]
        return [*found, Stage("answer", "answer", self._said(outputs))]

    def _parts(self, sources: Sequence[Any]) -> Iterator[Sequence[Any]]:
        """As many examples as go together: one by one where they cannot be filled up."""
        free = any(isinstance(dim, str) for dim in self.port.dims)
        alone = free and self.port.padding_id is None
        rows = 1 if alone else TEXTS if self.port.kind == "text" else ROWS
        for start in range(0, len(sources), rows):
            yield sources[start : start + rows]

    def _read(self, sources: Sequence[Any]) -> Shaped[Tensor, "b ..."]:
        given = torch.stack(list(sources)) if isinstance(sources[0], Tensor) else list(sources)
        x = read(self.port, given, tokenizer=self.tokenizer)
        return x.to(next((p.device for p in self.model.parameters()), x.device))

    def _said(self, outputs: Tensor) -> Float[Tensor, "n k"]:
        if self.facts.labels:
            return class_probabilities(outputs)
        return outputs.detach().double().cpu().reshape(len(outputs), -1)


def _check(name: str, signature: Signature) -> None:
    """Refuse what does not answer each example with one class or value.

    Raises:
        UsageError: what it answers with.
    """
    task = signature.task
    if task.target not in ("class", "value") or task.each or signature.draws:
        raise UsageError(
            f"{name} is of the task {task.name}; replace compares models that answer each example "
            "with a class or a value"
        )
    if len(signature.inputs) > 1:
        raise UsageError(f"{name} takes {len(signature.inputs)} inputs; replace asks with one")
