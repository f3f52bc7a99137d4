"""A model of tokens as a function of their embeddings, which have gradients where ids have none.

The embedding that looks the tokens up gives way to vectors that are handed in; all else of the
model (masks, lengths, positions) still sees the tokens. So whatever follows an answer back to
numbers can follow it back to a text: to the features of each token, whose sum is the token's own.

References:
    Mukund Sundararajan, Ankur Taly, Qiqi Yan. Axiomatic attribution for deep networks, section 6.3.
    ICML 2017. https://arxiv.org/abs/1703.01365
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.engine.files.program import check_code
from cartograd.frontier.inputs import rows_at_once


class Embedded(nn.Module):
    """A model of tokens that takes their vectors, with the token's number behind each.

    The number is a feature that a line between two inputs does not change, if both have it.

    Args:
        model: of one input, tokens `b t`, which it looks up in an `nn.Embedding`.
        tokens: any that it takes.

    Raises:
        UsageError: no `nn.Embedding` is asked for these tokens.
    """

    def __init__(self, model: nn.Module, tokens: Int[Tensor, "b t"], /):
        super().__init__()
        self.model = model
        self.table = looked_up(model, tokens)

    def vectors(self, tokens: Int[Tensor, "b t"], /) -> Float[Tensor, "b t v"]:
        """What this takes in place of the tokens."""
        with torch.no_grad():
            return self._numbered(self.table(tokens), tokens)

    def start(
        self, tokens: Int[Tensor, "b t"], baseline: Tensor | float | str, /
    ) -> Float[Tensor, "b t v"]:
        """What stands for "nothing": vectors of zeros, or those of the tokens of `baseline`.

        Raises:
            UsageError: the baseline is a name of none, or tokens of another shape.
        """
        if baseline == "low":
            return self._numbered(torch.zeros_like(self.vectors(tokens)[..., :-1]), tokens)
        if isinstance(baseline, str):
            raise UsageError(
                f"baseline={baseline!r} is none for tokens; expected 'low' (vectors of zeros), the "
                "number of a token such as the padding, or tokens for each"
            )
        given = torch.as_tensor(baseline, device=tokens.device)
        try:
            given = given.long().expand_as(tokens)
        except RuntimeError as error:
            raise UsageError(
                f"the baseline is of shape {tuple(given.shape)}, the tokens of "
                f"{tuple(tokens.shape)}; expected one token, one text, or one for each"
            ) from error
        return self._numbered(self.vectors(given)[..., :-1], tokens)

    def told(self, attribution: Float[Tensor, "b t v"], /) -> Float[Tensor, "b t"]:
        """What was said of each token: of its vector's features, summed."""
        return attribution[..., :-1].sum(-1)

    def forward(self, x: Float[Tensor, "b t v"]) -> Float[Tensor, "b ..."]:
        """The model's answer to tokens that have these vectors."""
        tokens = x[..., -1].detach().round().long()
        vectors = x[..., :-1].to(self.table.weight.dtype)

        def instead(_: nn.Module, given: tuple[Tensor, ...], __: Tensor) -> Tensor | None:
            return vectors if _is(given, tokens) else None

        hook = self.table.register_forward_hook(instead)
        try:
            return self.model(tokens)
        finally:
            hook.remove()

    def _numbered(self, vectors: Tensor, tokens: Tensor) -> Tensor:
        wide = vectors.to(torch.promote_types(vectors.dtype, torch.float32))
        return torch.cat([wide, tokens[..., None].to(wide)], -1)


def looked_up(model: nn.Module, tokens: Int[Tensor, "b t"], /) -> nn.Embedding:
    """The embedding in which a model looks up its tokens.

    Raises:
        UsageError: there is none.
    """
    found: list[nn.Embedding] = []
    some = tokens[: rows_at_once(tokens)]

    def note(table: nn.Module, given: tuple[Tensor, ...], _: Tensor) -> None:
        if isinstance(table, nn.Embedding) and _is(given, some):
            found.append(table)

    check_code(model, "a gradient")
    tables = [part for part in model.modules() if isinstance(part, nn.Embedding)]
    hooks = [table.register_forward_hook(note) for table in tables]
    try:
        with evaluating(model), torch.no_grad():
            model(some)
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise UsageError(
            f"the inputs are {tokens.dtype}, but only real numbers have a gradient, and the model "
            "looks them up in no nn.Embedding; give what comes before its first layer as floats, "
            "or another method"
        )
    return found[0]


def _is(given: tuple[Tensor, ...], tokens: Tensor) -> bool:
    """Whether an embedding was asked for these very tokens, and not for positions or types."""
    return bool(given) and given[0].shape == tokens.shape and torch.equal(given[0], tokens)
