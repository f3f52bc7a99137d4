"""The served model: its name, its signature and its predictions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from cartograd.apps.answers.asked import Asked, answers, check_inputs
from cartograd.core.ports import Signature


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
        if self.signature.target != "example":  # those draw, whatever else they are told
            check_inputs(self.name, self.signature)
        self.model.eval()

    def identity(self) -> dict[str, Any]:
        """Name and digest of the model, for responses."""
        return {"name": self.name, "digest": self.digest}

    def predict(
        self,
        x: Shaped[Tensor, "b ..."] | Sequence[str],
        /,
        **chosen: Any,
    ) -> list[Any]:
        """An answer for each example, as JSON types.

        Args:
            x: as the input port describes it; texts, for a model that finds answers in them.
            **chosen: how they are to be answered, by the names of `Asked`.

        Raises:
            UsageError: the model has no use for one of these, does not know the language, or takes
                several inputs.
        """
        check_inputs(self.name, self.signature)
        numbers = x if isinstance(x, Tensor) else torch.empty(len(x), 0)
        texts = () if isinstance(x, Tensor) else tuple(x)
        asked = replace(self.asked(numbers), texts=texts, **chosen)
        return [answer.to_json() for answer in answers(asked)]

    def asked(self, x: Shaped[Tensor, "b ..."], /, *, top: int | None = None) -> Asked:
        """A batch for the model."""
        signature, device = self.signature, self.device
        return Asked(self.model, signature, x, device, self.tokenizer, top, self.name)
