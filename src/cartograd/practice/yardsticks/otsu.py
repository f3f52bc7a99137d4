"""Otsu's threshold: a picture in bright and dark pixels, without learning.

The level of grey that parts a picture's pixels so that the two groups' means are as far apart as
they can be for their sizes: where the variance between the groups is greatest. What masks are
learned for has to beat it, where there are two classes.

    t* = argmax_t w_0(t) w_1(t) (mu_0(t) - mu_1(t))^2

Which side is which class is not said by the pictures: it is chosen once for all of them.

References:
    Nobuyuki Otsu. A threshold selection method from gray-level histograms. IEEE Transactions on
    Systems, Man, and Cybernetics 9, 1979. https://doi.org/10.1109/TSMC.1979.4310076

>>> threshold(torch.tensor([10, 12, 11, 200, 210, 190]).to(torch.uint8))
12
"""

import torch
from jaxtyping import Bool, Float, Shaped, UInt8
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
"""How bright red, green and blue are (ITU-R 601)."""


def threshold(levels: UInt8[Tensor, "..."], /) -> int:
    """The highest level that counts as dark; that of all pixels where there is but one."""
    counts = levels.flatten().long().bincount(minlength=256).double()
    weights = counts.cumsum(0)
    sums = (counts * torch.arange(256).double()).cumsum(0)
    rest, total = weights[-1] - weights, sums[-1]
    apart = sums / weights.clamp(min=1) - (total - sums) / rest.clamp(min=1)
    between = weights * rest * apart.square()
    return int(between.argmax()) if bool(between.any()) else int(levels.max())


def bright(x: Float[Tensor, "b c y x"], /) -> Bool[Tensor, "b y x"]:
    """Which pixels of each picture are above its own threshold.

    Args:
        x: pictures in [0, 1], grey or in colours.
    """
    weights = torch.tensor(LUMA if x.shape[1] == 3 else (1 / x.shape[1],) * x.shape[1])
    grey = torch.einsum("bcyx,c->byx", x.float().cpu(), weights)
    levels = (255 * grey).round().clamp(0, 255).to(torch.uint8)
    return torch.stack([one > threshold(one) for one in levels])


def answers(inside: Shaped[Tensor, "b y x"], /) -> Float[Tensor, "b k y x"]:
    """Yes or no of each pixel as logits of two classes."""
    yes = inside.double()
    return torch.stack([1 - yes, yes], 1)
