"""Two streams through fewer and fewer pixels and back, with short cuts: PixelCNN++'s network.

The downward stream knows the rows above a pixel, the other one also what is to its left, and is
told what the first one knows. Blocks with a gate add to what they were given; on the way back each
block is told what the block of the same place said on the way there.

References:
    Tim Salimans, Andrej Karpathy, Xi Chen, Diederik Kingma. PixelCNN++: improving the PixelCNN with
    discretized logistic mixture likelihood and other modifications. ICLR 2017.
    https://arxiv.org/abs/1701.05517
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.generative.autoregressive.shifted import (
    DOWN,
    DOWN_RIGHT,
    Doubled,
    ShiftedConv2d,
    shifted_down,
    shifted_right,
)

KERNELS = DOWN, DOWN_RIGHT
QUIET = 0.1
"""How much a block adds at first, beside a usual beginning."""


class TwoStreams(nn.Module):
    """What is known before each pixel.

    Args:
        channels: of a picture.
        width: features of a pixel in each stream.
        depth: blocks of each resolution and stream, on each way.
        scales: how often the sides are halved.
        classes: how many there are to be told of, if any.
        dropout: probability of dropping a feature inside a block.
    """

    def __init__(
        self,
        channels: int,
        /,
        *,
        width: int,
        depth: int,
        scales: int,
        classes: int | None,
        dropout: float,
    ):
        super().__init__()
        given, common = channels + 1, {"classes": classes, "dropout": dropout}
        self.scales = scales
        self.above = ShiftedConv2d(given, width, kernel_size=DOWN)
        self.row_above = ShiftedConv2d(given, width, kernel_size=(1, 3))
        self.beside = ShiftedConv2d(given, width, kernel_size=(2, 1))
        blocks, steps = depth * (scales + 1), range(scales)
        self.there = nn.ModuleList(Both(width, back=False, **common) for _ in range(blocks))
        self.back = nn.ModuleList(Both(width, back=True, **common) for _ in range(blocks))
        self.halved = nn.ModuleList(
            Resized(*(ShiftedConv2d(width, width, kernel_size=k, stride=2) for k in KERNELS))
            for _ in steps
        )
        self.doubled = nn.ModuleList(
            Resized(*(Doubled(width, kernel_size=k) for k in KERNELS)) for _ in steps
        )

    def forward(
        self, x: Float[Tensor, "b c1 y x"], y: Int[Tensor, " b"] | None
    ) -> Float[Tensor, "b c2 y x"]:
        """Features of each pixel, made of the ones before it; sides of any length."""
        high, wide = x.shape[2:]
        size = 2**self.scales
        x = F.pad(torch.cat([x, torch.ones_like(x[:, :1])], 1), (0, -wide % size, 0, -high % size))
        down = shifted_down(self.above(x))
        right = shifted_down(self.row_above(x)) + shifted_right(self.beside(x))
        depth, kept = len(self.there) // (self.scales + 1), []
        for number, both in enumerate(self.there):
            if number and number % depth == 0:
                down, right = self.halved[number // depth - 1](down, right)
            down, right = both(down, right, None, y)
            kept.append((down, right))
        for number, both in enumerate(self.back):
            if number and number % depth == 0:
                down, right = self.doubled[number // depth - 1](down, right)
            down, right = both(down, right, kept.pop(), y)
        return right[:, :, :high, :wide]


class Both(nn.Module):
    """A block of each stream.

    Args:
        width: features of a pixel.
        back: whether they are told what the blocks of the same place said on the way there.
        classes: how many there are to be told of, if any.
        dropout: probability of dropping a feature inside a block.
    """

    def __init__(self, width: int, /, *, back: bool, classes: int | None, dropout: float):
        super().__init__()
        common = {"classes": classes, "dropout": dropout}
        self.down = Gated(width, width if back else 0, DOWN, **common)
        self.right = Gated(width, 2 * width if back else width, DOWN_RIGHT, **common)

    def forward(
        self,
        down: Float[Tensor, "b c y x"],
        right: Float[Tensor, "b c y x"],
        there: tuple[Tensor, Tensor] | None,
        y: Int[Tensor, " b"] | None,
    ) -> tuple[Float[Tensor, "b c y x"], Float[Tensor, "b c y x"]]:
        """The features of both streams; the second one is told those of the first."""
        if there is None:
            down = self.down(down, None, y)
            return down, self.right(right, down, y)
        down = self.down(down, there[0], y)
        return down, self.right(right, torch.cat([down, there[1]], 1), y)


class Resized(nn.Module):
    """A layer for each stream, by which their sides change."""

    def __init__(self, down: nn.Module, right: nn.Module, /):
        super().__init__()
        self.down, self.right = down, right

    def forward(
        self, down: Float[Tensor, "b c y1 x1"], right: Float[Tensor, "b c y1 x1"]
    ) -> tuple[Float[Tensor, "b c y2 x2"], Float[Tensor, "b c y2 x2"]]:
        """Both streams."""
        return self.down(down), self.right(right)


class Gated(nn.Module):
    """Two convolutions, of which the second one opens a gate; added to what was given.

    Args:
        width: features of a pixel.
        told: features of a pixel that the block is told of besides; 0 for none.
        kernel_size: of both convolutions, as `ShiftedConv2d` has it.
        classes: how many there are to be told of, if any.
        dropout: probability of dropping a feature between the two.
    """

    def __init__(
        self,
        width: int,
        told: int,
        kernel_size: tuple[int, int],
        /,
        *,
        classes: int | None,
        dropout: float,
    ):
        super().__init__()
        self.first = ShiftedConv2d(2 * width, width, kernel_size=kernel_size)
        self.told = nn.Conv2d(2 * told, width, 1) if told else None
        self.dropout = nn.Dropout(dropout)
        self.second = ShiftedConv2d(2 * width, 2 * width, kernel_size=kernel_size)
        self.named = None if classes is None else nn.Embedding(classes, 2 * width)
        with torch.no_grad():
            self.second.conv.weight.mul_(QUIET)

    def forward(
        self,
        x: Float[Tensor, "b c1 y x"],
        more: Float[Tensor, "b c2 y x"] | None,
        y: Int[Tensor, " b"] | None,
    ) -> Float[Tensor, "b c1 y x"]:
        """The features and what the gate let through."""
        h = self.first(both_signs(x))
        if self.told is not None and more is not None:
            h = h + self.told(both_signs(more))
        h = self.second(self.dropout(both_signs(h)))
        if self.named is not None and y is not None:
            h = h + self.named(y)[:, :, None, None]
        value, opening = h.chunk(2, dim=1)
        return x + value * opening.sigmoid()


def both_signs(x: Float[Tensor, "b c1 y x"], /) -> Float[Tensor, "b c2 y x"]:
    """The exponential linear unit of the features and of their negatives."""
    return F.elu(torch.cat([x, -x], 1))
