"""What all attentions share: a softmax of scores, and the weighted mean of the encoder's states.

Shapes: scores `b t s`, the encoder's states `b s d`, a mask `b s` (False at the padding).
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def weighed(
    fits: Float[Tensor, "b t s"], mask: Bool[Tensor, "b s"] | None = None, /
) -> Float[Tensor, "b t s"]:
    """The softmax over unmasked positions; uniform where all are masked."""
    if mask is not None:
        fits = fits.masked_fill(~mask[:, None], torch.finfo(fits.dtype).min)
    return torch.softmax(fits, 2)
