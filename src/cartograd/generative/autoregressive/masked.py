"""Convolutions that see only what comes before: the pixels above and to the left.

The numbers of a picture stand in raster order, those of a pixel in the order of its channels. Each
feature belongs to a channel. A convolution of type A, the first of a network, lets the features of
a channel see the earlier channels of their pixel; one of type B also their own, which have seen
nothing of themselves.

References:
    Aäron van den Oord, Nal Kalchbrenner, Koray Kavukcuoglu. Pixel recurrent neural networks. ICML
    2016. https://arxiv.org/abs/1601.06759
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


def channel_of(width: int, channels: int, /) -> list[int]:
    """The channel that each of the features belongs to: they take turns.

    >>> channel_of(4, 3)
    [0, 1, 2, 0]
    """
    return [feature % channels for feature in range(width)]


class MaskedConv2d(nn.Module):
    """A convolution over what comes before.

    Args:
        before: the channel of each input feature.
        after: the channel of each output feature.
        kernel_size: height (1 for the row alone) and width of the kernel, both odd.
        first: whether it is of type A, which does not see the channel itself.
    """

    mask: Tensor

    def __init__(
        self,
        before: Sequence[int],
        after: Sequence[int],
        /,
        *,
        kernel_size: tuple[int, int],
        first: bool = False,
    ):
        super().__init__()
        high, wide = (side // 2 for side in kernel_size)
        self.conv = nn.Conv2d(len(before), len(after), kernel_size, padding=(high, wide))
        sources, targets = torch.tensor(before), torch.tensor(after)[:, None]
        mask = torch.zeros(self.conv.weight.shape)
        mask[:, :, :high] = 1
        mask[:, :, high, :wide] = 1
        mask[:, :, high, wide] = (sources < targets if first else sources <= targets).float()
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Float[Tensor, "b c1 y x"]) -> Float[Tensor, "b c2 y x"]:
        """The features of each pixel."""
        weight, conv = self.conv.weight * self.mask, self.conv
        return nn.functional.conv2d(x, weight, conv.bias, padding=tuple(map(int, conv.padding)))


class Seen:
    """What a masked convolution has been given of pictures that fill up pixel by pixel.

    Args:
        layer: the convolution.
        like: pictures of this number and size.
    """

    def __init__(self, layer: MaskedConv2d, like: Float[Tensor, "b c y x"], /):
        self.weight, self.bias = layer.conv.weight * layer.mask, layer.conv.bias
        self.high, self.wide = (side // 2 for side in self.weight.shape[2:])
        rows, columns = like.shape[2] + 2 * self.high, like.shape[3] + 2 * self.wide
        self.map = self.weight.new_zeros(len(like), self.weight.shape[1], rows, columns)

    def put(self, x: Float[Tensor, "b c 1 x"], row: int, column: int = 0, /) -> None:
        """Take in pixels of a row, from a column on."""
        start = column + self.wide
        self.map[:, :, row + self.high, start : start + x.shape[3]] = x[:, :, 0]

    def at(self, row: int, column: int, /) -> Float[Tensor, "b c2 1 1"]:
        """What the convolution says of a pixel."""
        _, _, down, right = self.weight.shape
        window = self.map[:, :, row : row + down, column : column + right]
        # A product of matrices: for one pixel torch's convolution is all overhead.
        found = nn.functional.linear(window.flatten(1), self.weight.flatten(1), self.bias)
        return found[:, :, None, None]

    def step(self, x: Float[Tensor, "b c1 1 1"], row: int, column: int, /) -> Tensor:
        """Take in a pixel; what the convolution says of it."""
        self.put(x, row, column)
        return self.at(row, column)
