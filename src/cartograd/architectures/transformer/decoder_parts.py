"""What a decoder's settings may say together, and the part of a layer that works on each position.

References:
    Albert Jiang et al. Mixtral of experts. 2024. https://arxiv.org/abs/2401.04088
    OpenAI. gpt-oss-120b and gpt-oss-20b model card. 2025. https://arxiv.org/abs/2508.10925
"""

from cartograd.architectures.transformer.experts import Experts
from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.core.errors import UsageError


def part_of(
    dim: int, ffn_dim: int, activation: str, experts: int | None, k: int, normalised: bool, /
) -> FeedForward | Experts:
    """A feed-forward part, or experts; the arguments as of a `decoder`."""
    if experts is None:
        return FeedForward(dim=dim, ffn_dim=ffn_dim, activation=activation, bias=False)
    form = "clamped" if activation == "clamped" else "swiglu"
    return Experts(dim=dim, ffn_dim=ffn_dim, experts=experts, k=k, form=form, normalised=normalised)


def check_settings(reach: str, window: int | None, activation: str, experts: int | None, /) -> None:
    """Refuse what a decoder cannot be; the arguments as of a `decoder`.

    Raises:
        UsageError: an unknown letter, a window that is missing, or experts of another activation.
    """
    if not reach or set(reach) - set("fwnm"):
        raise UsageError(f"decoder: reach={reach!r}; expected letters of f, w, n and m")
    if window is None and set(reach) & set("wm"):
        raise UsageError(f"decoder: reach={reach!r} has windows; say how wide they are: window=...")
    if (activation == "clamped" and experts is None) or (activation == "geglu" and experts):
        raise UsageError(
            f"decoder: activation={activation} with experts={experts}; expected swiglu or geglu "
            "without experts, swiglu or clamped with them"
        )
