"""A model as the server holds it: what it is called, and answers for a batch."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from cartograd.apps.chances import chances
from cartograd.apps.steps import of_steps
from cartograd.apps.texts import of_texts
from cartograd.architectures.decoding.transcribe import Transcriber, transcribe
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.quick import quick_linear
from cartograd.core.signed import Signed


@dataclass(frozen=True)
class Served:
    """A model in eval mode with its name and signature.

    Attributes:
        name: what clients see.
        digest: BLAKE3 of the bundle's manifest; `None` for a model that is in memory only.
        model: takes the tensor of its one input port.
        signature: what it takes and gives.
        device: where it is.
        tokenizer: what turns text into its numbers, for models of text.
    """

    name: str
    digest: str | None
    model: nn.Module
    signature: Signature
    device: torch.device
    tokenizer: Any = None

    def __post_init__(self) -> None:
        if len(self.signature.inputs) != 1 and not self.transcribes:
            raise UsageError(
                f"{self.name} has {len(self.signature.inputs)} inputs; "
                "the server takes models with one"
            )
        self.model.eval()

    @property
    def transcribes(self) -> bool:
        """Whether it hears a sound and writes what it says."""
        return [port.kind for port in self.signature.inputs] == ["audio", "text"]

    def identity(self) -> dict[str, Any]:
        """Which model it was that answered."""
        return {"name": self.name, "digest": self.digest}

    @torch.inference_mode()
    def predict(self, x: Shaped[Tensor, "b ..."], /, *, top: int | None = None) -> list[Any]:
        """An answer for each example.

        Args:
            x: as the input port describes it.
            top: how many labels to give, the likeliest first; by default all of them.
        """
        with quick_linear(self.model):
            if self.transcribes:
                return [self._transcript(row[0]) for row in x.to(self.device)]
            outputs = self.model(x.to(self.device)).cpu()
        port = self.signature.output
        if port.kind == "label" and len(port.dims) == 1:
            return _labels(port, outputs, top)
        if port.kind == "label" and self.signature.input.kind == "text" and len(port.dims) == 2:
            return of_texts(self.signature, x, outputs, tokenizer=self.tokenizer, top=top)
        if port.kind == "label" and len(port.dims) == 2:
            return of_steps(self.signature, x, outputs)
        if port.kind == "vector":
            return [{"vector": values} for values in outputs.tolist()]
        if port.kind == "value" and port.size == 1:
            return [{"value": value} for value in outputs.flatten().tolist()]
        return [{"values": values} for values in outputs.tolist()]

    def _transcript(self, sound: Float[Tensor, " n"]) -> dict[str, Any]:
        model = self.model.model if isinstance(self.model, Signed) else self.model
        if not isinstance(model, Transcriber):
            raise UsageError(f"{self.name} takes a sound and a text, but cannot write by itself")
        text, language = transcribe(model, sound, self.tokenizer)
        return {"text": text, "language": language}


def _labels(port: Port, outputs: Tensor, top: int | None) -> list[dict[str, Any]]:
    found = chances(outputs)
    labels = port.labels or tuple(map(str, range(found.shape[-1])))
    shares, order = found.topk(min(top or len(labels), len(labels)))
    answers = []
    for row, places in zip(shares.tolist(), order.tolist(), strict=True):
        named = {labels[place]: share for place, share in zip(places, row, strict=True)}
        first = labels[places[0]]
        answers.append({"label": first, "probability": row[0], "probabilities": named})
    return answers
