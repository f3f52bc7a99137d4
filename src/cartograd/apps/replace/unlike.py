"""Which examples two forms answer unlike: by more than rounding, and with other classes."""

from jaxtyping import Bool, Float
from torch import Tensor

ROUNDING = 1e-3
"""A difference that counts, as a share of the largest number of the stage (or of 1)."""


def unlike(
    first: Float[Tensor, "n *t k"], second: Float[Tensor, "n *t k"], /, *, several: bool
) -> tuple[Bool[Tensor, " n"], Bool[Tensor, " n"]]:
    """Which examples are answered with other numbers than rounding makes, and with other classes.

    Args:
        first: the answers of A.
        second: those of B.
        several: whether each class may hold or not.
    """
    apart = (first - second).abs().flatten(1).amax(1)
    differs = apart > ROUNDING * max(1.0, float(first.abs().max()))
    said = [one >= 0.5 if several else one.argmax(-1, keepdim=True) for one in (first, second)]
    return differs, differs & (said[0] != said[1]).flatten(1).any(1)
