"""A model of one text as a function of its tokens' vectors, which can move by a little.

Which tokens they are stays as it is: masks, lengths and positions are those of the text.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.eval_mode import evaluating
from cartograd.core.signed import signature_if_any
from cartograd.frontier.explain.embedded import looked_up

CLOSE = 1e-4
"""By how much answers without the padding at the end may differ, for it to be left out."""


class OfVectors(nn.Module):
    """A model that is handed the vectors of one text's tokens.

    Args:
        model: of tokens `b t`, which it looks up in an `nn.Embedding`.
        tokens: of the text.

    Raises:
        UsageError: no `nn.Embedding` is asked for these tokens.
    """

    tokens: Tensor

    def __init__(self, model: nn.Module, tokens: Int[Tensor, " t"], /):
        super().__init__()
        self.model, self.table = model, looked_up(model, tokens[None])
        self.register_buffer("tokens", tokens, persistent=False)

    def vectors(self) -> Float[Tensor, "1 t v"]:
        """Those of the tokens themselves."""
        with torch.no_grad():
            return self.table(self.tokens[None]).clone()

    def forward(self, x: Float[Tensor, "b t v"]) -> Float[Tensor, "b k"]:
        """The model's answer to tokens that have these vectors."""
        tokens = self.tokens.expand(len(x), -1)

        def instead(_: nn.Module, given: tuple[Tensor, ...], __: Tensor) -> Tensor | None:
            return x if given[0].shape == tokens.shape else None

        hook = self.table.register_forward_hook(instead)
        try:
            return self.model(tokens)
        finally:
            hook.remove()


def of_vectors(model: nn.Module, tokens: Int[Tensor, " t"], /) -> OfVectors:
    """A text's model of vectors; padding at its end is left out where the answer stays.

    Raises:
        UsageError: as `OfVectors`.
    """
    signature = signature_if_any(model)
    padding = None if signature is None else signature.input.padding_id
    real = (tokens != padding).nonzero()[:, 0] if padding is not None else tokens
    short = tokens[: int(real[-1]) + 1] if padding is not None and len(real) else tokens
    with evaluating(model), torch.no_grad():
        whole, part = model(tokens[None]), model(short[None])
    same = whole.shape == part.shape and bool((whole - part).abs().max() <= CLOSE)
    return OfVectors(model, short if same else tokens)


def reads_text(model: nn.Module, /) -> bool:
    """Whether its input is tokens."""
    signature = signature_if_any(model)
    return signature is not None and signature.input.kind == "text"
