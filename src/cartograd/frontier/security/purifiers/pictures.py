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
        raise UsageError(
            f"{purifier} is for pictures, batch x channels x rows x columns with pixels from 0 to "
            f"1; these are {tuple(x.shape)}; bit-depth takes inputs of any shape"
        )
