"""What purifiers of pictures share."""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.errors import UsageError


def check_pixels(purifier: str, x: Float[Tensor, "b ..."], /) -> None:
    """Refuse all but pictures with pixels from 0 to 1.

    Raises:
        UsageError: they are none.
    """
    if x.ndim != 4 or (len(x) and not (x.min() >= -1e-6 and x.max() <= 1 + 1e-6)):
        hint = "take a detector, such as mahalanobis"
        if len(x) and x.min() >= 0 and x.max() <= 1:
            hint = "bit-depth takes inputs of any shape"
        raise UsageError(
            f"{purifier} is for pictures, batch x channels x rows x columns with pixels from 0 to "
            f"1; these are {tuple(x.shape)} from {x.min():.3g} to {x.max():.3g}; {hint}"
            if len(x) else f"{purifier} is for pictures; these are {tuple(x.shape)}"
        )  # fmt: skip
