"""A model as the server holds it: what it is called, and answers for a batch."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from cartograd.apps.chances import chances
from cartograd.apps.texts import of_texts
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature


@dataclass(frozen=True)
class Served:
    """A model in eval mode with its name and signature.

    Attributes:
        name: what clients see.
        digest: sha256 of the bundle's manifest; `None` for a model that is in memory only.
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
        if len(self.signature.inputs) != 1:
            raise UsageError(
                f"{self.name} has {len(self.signature.inputs)} inputs; "
                "the server takes models with one"
            )
        self.model.eval()

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
        outputs = self.model(x.to(self.device)).cpu()
        port = self.signature.output
        if port.kind == "label" and len(port.dims) == 1:
            return _labels(port, outputs, top)
        if port.kind == "label" and self.signature.input.kind == "text" and len(port.dims) == 2:
            return of_texts(self.signature, x, outputs, tokenizer=self.tokenizer, top=top)
        if port.kind == "value" and port.size == 1:
            return [{"value": value} for value in outputs.flatten().tolist()]
        return [{"values": values} for values in outputs.tolist()]


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
