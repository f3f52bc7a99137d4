"""A decoder's blocks from its settings, and which settings cannot be together.

References:
    Albert Jiang et al. Mixtral of experts. 2024. https://arxiv.org/abs/2401.04088
    OpenAI. gpt-oss-120b and gpt-oss-20b model card. 2025. https://arxiv.org/abs/2508.10925
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from cartograd.architectures.transformer.decoder_block import DecoderBlock
from cartograd.architectures.transformer.experts import Experts
from cartograd.architectures.transformer.feed_forward import FeedForward, gated_dim
from cartograd.architectures.transformer.scored_attention import ScoredAttention
from cartograd.core.errors import UsageError


def blocks_of(
    letters: str, order: str, eps: float, /, *, attention: Mapping[str, Any],
    part: Mapping[str, Any], experts: int | None, dense_dim: int | None, k: int, normalised: bool,
) -> nn.ModuleList:  # fmt: skip
    """A decoder's blocks.

    Args:
        letters: of each layer, as in `mixture`.
        order: where the norms stand.
        eps: added under the root of the norms.
        attention: arguments of `ScoredAttention`.
        part: the size of a feed-forward part, or of an expert (None: as usual), and its activation.
        experts: how many there are, or None.
        dense_dim: hidden size of single parts beside experts, where it is another.
        k: how many of them work on each position.
        normalised: whether their weights are made to sum to one.
    """
    part = {**part, "ffn_dim": part["ffn_dim"] or gated_dim(part["dim"])}

    def made(letter: str) -> FeedForward | Experts:
        if experts is None:
            return FeedForward(**part, bias=False)
        size, activation = {key: part[key] for key in ("dim", "ffn_dim")}, part["activation"]
        if letter == "d":
            wide = dense_dim or part["ffn_dim"]
            return FeedForward(**size | {"ffn_dim": wide}, activation=activation, bias=False)
        form = "clamped" if activation == "clamped" else "swiglu"
        return Experts(**size, experts=experts, k=k, form=form, normalised=normalised)

    return nn.ModuleList(
        DecoderBlock(ScoredAttention(**attention), made(letter), order, eps) for letter in letters
    )


def largest_of(part: nn.Module, /) -> tuple[int, int]:
    """The shape of the fused gate and up of a part, or of one of its experts."""
    one: Any = part.experts[0] if isinstance(part, Experts) else part
    return 2 * one.up.out_features, one.up.in_features


def check_settings(
    reach: str, window: int | None, activation: str, experts: int | None, mixture: str, /
) -> None:
    """Refuse what a decoder cannot be; the arguments as of a `decoder`.

    Raises:
        UsageError: an unknown letter, a window that is missing, or experts of another activation.
    """
    if not reach or set(reach) - set("fwnm"):
        raise UsageError(f"decoder: reach={reach!r}; expected letters of f, w, n and m")
    if window is None and set(reach) & set("wm"):
        raise UsageError(f"decoder: reach={reach!r} has windows; say how wide they are: window=...")
    if not mixture or set(mixture) - set("ed"):
        raise UsageError(f"decoder: mixture={mixture!r}; expected letters of e and d")
    if "d" in mixture and (experts is None or activation == "clamped"):
        raise UsageError(
            f"decoder: mixture={mixture!r} with experts={experts} and activation={activation}; "
            "single parts stand beside experts of swiglu"
        )
    if (activation == "clamped" and experts is None) or (activation == "geglu" and experts):
        raise UsageError(
            f"decoder: activation={activation} with experts={experts}; expected swiglu or geglu "
            "without experts, swiglu or clamped with them"
        )
