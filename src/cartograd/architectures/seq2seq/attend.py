"""What all attentions share: fits become weights, and weights a mean of what was read.

Shapes: fits `b t s`, what was read `b s d`, a mask `b s` (True: something is there).
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def weighed(
    fits: Float[Tensor, "b t s"], mask: Bool[Tensor, "b s"] | None = None, /
) -> Float[Tensor, "b t s"]:
    """The softmax over what is there; over all of it alike where nothing is."""
    if mask is not None:
        fits = fits.masked_fill(~mask[:, None], torch.finfo(fits.dtype).min)
    return torch.softmax(fits, 2)
