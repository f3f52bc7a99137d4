"""Resampling of maps by a filter: sizes change by two without the aliases of plain strides.

The filter [1, 3, 3, 1] runs along both sides. Larger maps are made by zeros between the numbers and
the filter four times as strong, smaller ones by the filter and every other number.

References:
    Richard Zhang. Making convolutional networks shift-invariant again. ICML 2019.
    https://arxiv.org/abs/1904.11486

>>> import torch
>>> upsample(torch.ones(1, 1, 4, 4))[0, 0, 2, 2:6].tolist()
[1.0, 1.0, 1.0, 1.0]
"""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

TAPS = (1.0, 3.0, 3.0, 1.0)


def _filter(x: Tensor) -> Tensor:
    """The filter for each channel on its own, with sum 1."""
    taps = x.new_tensor(TAPS) / sum(TAPS)
    return (taps[:, None] * taps).expand(x.shape[1], 1, 4, 4)


def upsample(x: Float[Tensor, "b c y x"], /) -> Float[Tensor, "b c y2 x2"]:
    """Maps of twice the size."""
    return F.conv_transpose2d(x, 4 * _filter(x), stride=2, padding=1, groups=x.shape[1])


def downsample(x: Float[Tensor, "b c y x"], /) -> Float[Tensor, "b c y2 x2"]:
    """Maps of half the size, which has to be even."""
    return F.conv2d(x, _filter(x), stride=2, padding=1, groups=x.shape[1])


def blurred(
    x: Float[Tensor, "b c y x"], /, *, padding: int, gain: float = 1.0
) -> Float[Tensor, "b c y2 x2"]:
    """Maps after the filter alone, larger by twice the padding less three."""
    return F.conv2d(x, gain * _filter(x), padding=padding, groups=x.shape[1])
