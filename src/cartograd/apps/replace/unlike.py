"""Which examples two forms answer unlike: by more than rounding, and with other classes."""

from jaxtyping import Bool, Float, Shaped
from torch import Tensor

ROUNDING = 1e-3
"""A difference that counts, as a share of the largest number of the stage (or of 1)."""


def unlike(
    first: Float[Tensor, "n *t k"], second: Float[Tensor, "n *t k"], /, *, several: bool
) -> tuple[Bool[Tensor, " n"], Bool[Tensor, " n"]]:
    """Which examples are answered with other numbers than rounding makes, and with other classes.

    Of answers with positions one of these is enough.

    Args:
        first: the answers of A.
        second: those of B.
        several: whether each class may hold or not.
    """
    differs, changed = (
        each.reshape(len(each), -1).any(1) for each in at_each(first, second, several=several)
    )
    return differs, changed


def at_each(
    first: Float[Tensor, "n *t k"], second: Float[Tensor, "n *t k"], /, *, several: bool
) -> tuple[Bool[Tensor, " n *t"], Bool[Tensor, " n *t"]]:
    """The same of each position, such as a pixel; of an answer without them it is that."""
    differs = (first - second).abs().amax(-1) > ROUNDING * max(1.0, float(first.abs().max()))
    return differs, differs & (_said(first, several) != _said(second, several)).any(-1)


def _said(answers: Float[Tensor, "n *t k"], several: bool) -> Shaped[Tensor, "n *t c"]:
    return answers >= 0.5 if several else answers.argmax(-1, keepdim=True)
