"""Residual blocks of masked convolutions, as in the first PixelCNN; in whole passes or by pixel.

References:
    Aäron van den Oord, Nal Kalchbrenner, Koray Kavukcuoglu. Pixel recurrent neural networks. ICML
    2016. https://arxiv.org/abs/1601.06759
"""

from collections.abc import Callable
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.generative.autoregressive.masked import MaskedConv2d, Seen, channel_of


class MaskedStack(nn.Module):
    """A masked convolution of 7 by 7 pixels, then residual blocks.

    Args:
        channels: of a picture.
        width: features of a pixel.
        depth: how many blocks.
        classes: how many there are to be told of, if any.
    """

    def __init__(self, channels: int, /, *, width: int, depth: int, classes: int | None):
        super().__init__()
        given, features = channel_of(channels, channels), channel_of(width, channels)
        self.told = None if classes is None else nn.Embedding(classes, width)
        self.first = MaskedConv2d(given, features, kernel_size=(7, 7), first=True)
        self.blocks = nn.ModuleList(Residual(width, channels) for _ in range(depth))

    def forward(
        self, x: Float[Tensor, "b c1 y x"], y: Int[Tensor, " b"] | None
    ) -> Float[Tensor, "b c2 y x"]:
        """Features of each pixel."""
        features = self.first(x)
        if self.told is not None and y is not None:
            features = features + self.told(y)[:, :, None, None]
        for block in self.blocks:
            features = block(features)
        return features

    def by_pixel(
        self,
        read: Callable[[int], Float[Tensor, "b c 1 x"]],
        like: Float[Tensor, "b c y x"],
        y: Int[Tensor, " b"] | None,
        /,
    ) -> Callable[[int, int], Float[Tensor, "b c 1 1"]]:
        """The same of one pixel after the other; what earlier ones left in each layer is kept.

        Args:
            read: what is known by now of a row of the pictures.
            like: pictures of this number and size.
            y: the class of each.
        """
        given = Seen(self.first, like)
        blocks: list[Any] = list(self.blocks)
        layers = [[Seen(layer, like) for layer in block.layers[1::2]] for block in blocks]

        def pixel(row: int, column: int) -> Tensor:
            for one in {max(0, row - 1), row}:  # the last pixel of the row above is known by now
                given.put(read(one), one)
            features = given.at(row, column)
            if self.told is not None and y is not None:
                features = features + self.told(y)[:, :, None, None]
            for block in layers:
                inside = features
                for layer in block:
                    inside = layer.step(inside.relu(), row, column)
                features = features + inside
            return features

        return pixel


class Residual(nn.Module):
    """Half of the features look around, and what they see is added to all."""

    def __init__(self, width: int, channels: int, /):
        super().__init__()
        whole, half = channel_of(width, channels), channel_of(width // 2, channels)
        self.layers = nn.Sequential(
            nn.ReLU(), MaskedConv2d(whole, half, kernel_size=(1, 1)),
            nn.ReLU(), MaskedConv2d(half, half, kernel_size=(3, 3)),
            nn.ReLU(), MaskedConv2d(half, whole, kernel_size=(1, 1)),
        )  # fmt: skip

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """The features and what was found around them."""
        return x + self.layers(x)
