"""Two stacks of gated convolutions: one sees all rows above, the other the row to the left.

The vertical stack needs no mask: a pixel of it knows its row and those above, and is heard one row
further down. So no pixel above is out of sight, as some are of masked kernels.

    h = tanh(W_f * x + V_f y) sigmoid(W_g * x + V_g y)

References:
    Aäron van den Oord and others. Conditional image generation with PixelCNN decoders. NeurIPS
    2016. https://arxiv.org/abs/1606.05328
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.generative.autoregressive.masked import MaskedConv2d, Seen, channel_of


class GatedStack(nn.Module):
    """A gated layer of kernels 7 pixels wide, then some of 3.

    Args:
        channels: of a picture, whose numbers come one after the other.
        width: features of a pixel in each stack.
        depth: how many layers follow the first.
        classes: how many there are to be told of, if any.
        given: features of a pixel that are given, whose channels take turns; those of the channels
            themselves if left out.
    """

    def __init__(
        self,
        channels: int,
        /,
        *,
        width: int,
        depth: int,
        classes: int | None,
        given: int | None = None,
    ):
        super().__init__()
        seen, features = channel_of(given or channels, channels), channel_of(width, channels)
        self.layers = nn.ModuleList([Gated(seen, features, side=7, classes=classes, first=True)])
        self.layers.extend(Gated(features, features, side=3, classes=classes) for _ in range(depth))

    def forward(
        self, x: Float[Tensor, "b c1 y x"], y: Int[Tensor, " b"] | None
    ) -> Float[Tensor, "b c2 y x"]:
        """Features of each pixel."""
        above = beside = x
        for layer in self.layers:
            above, beside = layer(above, beside, y)
        return beside

    def by_pixel(
        self,
        read: Callable[[int], Float[Tensor, "b c 1 x"]],
        like: Float[Tensor, "b c y x"],
        y: Int[Tensor, " b"] | None,
        /,
    ) -> Callable[[int, int], Float[Tensor, "b c 1 1"]]:
        """The same of one pixel after the other; what earlier ones left in each layer is kept.

        The vertical stack moves once in a row, when the row above is known.

        Args:
            read: what is known by now of a row of the pictures.
            like: pictures of this number and size.
            y: the class of each.
        """
        parts: list[Any] = list(self.layers)
        layers, now = [StepByStep(part, like, y) for part in parts], 0

        def pixel(row: int, column: int) -> Tensor:
            nonlocal now
            if row > now:
                now, above = row, read(row - 1)
                for layer in layers:
                    above = layer.next_row(above)
            layers[0].beside.put(read(row), row)
            beside = layers[0].step(None, row, column)
            for layer in layers[1:]:
                beside = layer.step(beside, row, column)
            return beside

        return pixel


class Gated(nn.Module):
    """One layer of both stacks; the horizontal one adds to what it was given, but for the first."""

    def __init__(
        self,
        before: Sequence[int],
        after: Sequence[int],
        /,
        *,
        side: int,
        classes: int | None,
        first: bool = False,
    ):
        super().__init__()
        self.first, width, both = first, len(after), (*after, *after)
        self.side = side
        self.pad = nn.ZeroPad2d((side // 2, side // 2, side // 2, 0))
        self.vertical = nn.Conv2d(len(before), 2 * width, (side // 2 + 1, side))
        self.horizontal = MaskedConv2d(before, both, kernel_size=(1, side), first=first)
        self.down = nn.ZeroPad2d((0, 0, 1, -1))
        self.heard = nn.Conv2d(2 * width, 2 * width, 1)
        self.out = MaskedConv2d(after, after, kernel_size=(1, 1))
        self.told = None if classes is None else nn.Embedding(classes, 4 * width)

    def forward(
        self,
        above: Float[Tensor, "b c1 y x"],
        beside: Float[Tensor, "b c1 y x"],
        y: Int[Tensor, " b"] | None,
    ) -> tuple[Float[Tensor, "b c2 y x"], Float[Tensor, "b c2 y x"]]:
        """The features of the vertical and of the horizontal stack."""
        v = self.vertical(self.pad(above))
        h = self.horizontal(beside) + self.heard(self.down(v))
        if self.told is not None and y is not None:
            for_v, for_h = self.told(y)[:, :, None, None].chunk(2, dim=1)
            v, h = v + for_v, h + for_h
        new = self.out(gate(h))
        return gate(v), new if self.first else beside + new


class StepByStep:
    """A gated layer, row by row and pixel by pixel.

    Args:
        layer: the layer.
        like: pictures of this number and size.
        y: the class of each.
    """

    def __init__(self, layer: "Gated", like: Float[Tensor, "b c y x"], y: Tensor | None, /):
        self.layer = layer
        self.beside, self.out = Seen(layer.horizontal, like), Seen(layer.out, like)
        weight = layer.vertical.weight
        both = weight.new_zeros(1, 2, 1, 1)
        if layer.told is not None and y is not None:
            both = layer.told(y)[:, :, None, None]
        self.for_v, self.for_h = both.chunk(2, dim=1)
        count, wide = len(like), like.shape[3]
        self.above = weight.new_zeros(count, weight.shape[1], weight.shape[2], wide)
        self.heard = layer.heard(weight.new_zeros(count, weight.shape[0], 1, wide))

    def next_row(self, above: Float[Tensor, "b c1 1 x"], /) -> Float[Tensor, "b c2 1 x"]:
        """Take in the row above the next one; what the vertical stack says of it."""
        half = self.layer.side // 2
        self.above = torch.cat([self.above[:, :, 1:], above], dim=2)
        v = self.layer.vertical(nn.functional.pad(self.above, (half, half)))
        self.heard = self.layer.heard(v)
        return gate(v + self.for_v)

    def step(
        self, beside: Float[Tensor, "b c1 1 1"] | None, row: int, column: int, /
    ) -> Float[Tensor, "b c2 1 1"]:
        """The features of a pixel; of the first layer nothing is given but rows."""
        if beside is not None:
            self.beside.put(beside, row, column)
        heard = self.heard[:, :, :, column : column + 1]
        new = self.out.step(gate(self.beside.at(row, column) + heard + self.for_h), row, column)
        return new if self.layer.first or beside is None else beside + new


def gate(x: Float[Tensor, "b c1 ..."], /) -> Float[Tensor, "b c2 ..."]:
    """One half of the features, as far as the other half lets them through."""
    value, opening = x.chunk(2, dim=1)
    return value.tanh() * opening.sigmoid()
