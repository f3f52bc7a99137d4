"""What of examples is known, as a mask for each of them."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from cartograd.core.errors import UsageError


def mask_of(known: Float[Tensor, "..."], x: Float[Tensor, "b ..."], /) -> Float[Tensor, "b ..."]:
    """A mask for each example.

    Raises:
        UsageError: it has another shape or a number that is not finite, nothing is to be made up,
            or all of it.
    """
    shapes: Sequence[tuple[int, ...]] = (tuple(x.shape), tuple(x.shape[1:]))
    if tuple(known.shape) not in shapes:
        raise UsageError(
            f"the mask has shape {tuple(known.shape)}; expected that of an example, {shapes[1]}, "
            f"or of all, {shapes[0]}"
        )
    if not bool(known.isfinite().all()):
        raise UsageError("the mask has a number that is not finite; expected 1 for known, else 0")
    mask = known.to(x).expand(x.shape)
    if not bool(((mask == 0) | (mask == 1)).all()):
        between = float(mask[(mask != 0) & (mask != 1)][0])
        raise UsageError(f"the mask has {between:g}; expected 1 for known, and 0 for the rest")
    if bool((mask > 0).all()):
        raise UsageError("the mask marks everything as known; there is nothing to make up")
    if not bool((mask > 0).any()):
        raise UsageError("the mask marks nothing as known; draw whole examples instead: sample")
    return mask
