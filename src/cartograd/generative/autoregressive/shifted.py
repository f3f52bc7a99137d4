"""Convolutions that look upwards, or upwards and to the left: shifted, so that no kernel is masked.

A kernel of 2 rows and 3 columns whose lower row is the pixel's own sees its row and the one above;
one of 2 by 2 whose lower right corner is the pixel sees what is above and to the left. Halving the
sides keeps every other pixel, doubling gives a pixel to itself and to later ones, so that neither
lets a feature know of what comes after it.

References:
    Tim Salimans, Andrej Karpathy, Xi Chen, Diederik Kingma. PixelCNN++: improving the PixelCNN with
    discretized logistic mixture likelihood and other modifications. ICLR 2017.
    https://arxiv.org/abs/1701.05517
"""

from jaxtyping import Float
from torch import Tensor, nn

DOWN, DOWN_RIGHT = (2, 3), (2, 2)
"""Height and width of the kernels of the two streams."""


class ShiftedConv2d(nn.Module):
    """A convolution whose lowest row is the pixel's own; its columns end there or lie around it.

    Args:
        before: features that are given.
        after: features that are found.
        kernel_size: height, and width: odd for columns around the pixel, even for columns up to it.
        stride: 2 halves the sides.
    """

    def __init__(
        self, before: int, after: int, /, *, kernel_size: tuple[int, int], stride: int = 1
    ):
        super().__init__()
        high, wide = kernel_size
        around = wide // 2 if wide % 2 else 0
        self.pad = nn.ZeroPad2d((wide - 1 - around, around, high - 1, 0))
        self.conv = nn.Conv2d(before, after, kernel_size, stride=stride)

    def forward(self, x: Float[Tensor, "b c1 y1 x1"]) -> Float[Tensor, "b c2 y2 x2"]:
        """The features of each pixel, or of every other one."""
        return self.conv(self.pad(x))


class Doubled(nn.Module):
    """Twice the sides: each pixel for itself and for the three after it, below and to the right.

    Args:
        width: features of a pixel.
        kernel_size: as `ShiftedConv2d` has it.
    """

    def __init__(self, width: int, /, *, kernel_size: tuple[int, int]):
        super().__init__()
        self.around = kernel_size[1] // 2 if kernel_size[1] % 2 else 0
        self.conv = nn.ConvTranspose2d(width, width, kernel_size, stride=2)

    def forward(self, x: Float[Tensor, "b c y1 x1"]) -> Float[Tensor, "b c y2 x2"]:
        """The features of each pixel."""
        return self.conv(x)[:, :, :, self.around :]


def shifted_down(x: Float[Tensor, "b c y x"], /) -> Float[Tensor, "b c y x"]:
    """Each pixel gets what the one above it had."""
    return nn.functional.pad(x, (0, 0, 1, 0))[:, :, :-1]


def shifted_right(x: Float[Tensor, "b c y x"], /) -> Float[Tensor, "b c y x"]:
    """Each pixel gets what the one to its left had."""
    return nn.functional.pad(x, (1, 0))[:, :, :, :-1]
