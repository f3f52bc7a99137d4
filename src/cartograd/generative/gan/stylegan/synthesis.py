"""The synthesis network: from a learned start, layer by layer, by a style for each.

Each size adds what it sees of the colours to the picture of the size before, doubled: the network
can begin with coarse pictures and refine them without being grown.

Shapes: styles `b layers d`, pictures `b c y x`.

>>> net = Synthesis(channels=1, size=8, latent=4, width=2, max_width=4)
>>> net.layers, net(torch.randn(3, net.layers, 4), torch.randn(3, net.noises)).shape
(4, torch.Size([3, 1, 8, 8]))
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.generative.gan.generator import halvings
from cartograd.generative.gan.stylegan.modulated import ModulatedConv, StyledLayer
from cartograd.generative.gan.stylegan.resampling import upsample


def stages(size: int, /, *, width: int, max_width: int) -> list[tuple[int, int]]:
    """Sides of the maps from the smallest on, and their channels.

    Raises:
        UsageError: the side is not one of 4 to 7 times a power of two.

    >>> stages(28, width=32, max_width=64)
    [(7, 64), (14, 64), (28, 32)]
    """
    times, least = halvings(size)
    if least << times != size:
        raise UsageError(
            f"pictures of side {size} cannot be halved down to 7 or less; expected a side such as "
            "28, 32, 256: `size=` of the data makes them so"
        )
    return [(least << i, min(max_width, width << (times - i))) for i in range(times + 1)]


class Synthesis(nn.Module):
    """From styles to pictures.

    Args:
        channels: of a picture.
        size: its side.
        latent: numbers of a style.
        width: channels at the full size; they double with each halving.
        max_width: most channels.

    Attributes:
        layers: styles that a picture is made of, one for each convolution and one for the colours
            of the last size.
        noises: numbers of noise that its layers add.
    """

    def __init__(self, *, channels: int, size: int, latent: int, width: int, max_width: int):
        super().__init__()
        sides = stages(size, width=width, max_width=max_width)
        (least, first), *_ = sides
        self.start = nn.Parameter(torch.randn(first, least, least))
        made, before = [StyledLayer(first, first, latent=latent)], first
        places = [least]
        for side, own in sides[1:]:
            made.append(StyledLayer(before, own, latent=latent, up=True))
            made.append(StyledLayer(own, own, latent=latent))
            before, places = own, [*places, side, side]
        self.convs = nn.ModuleList(made)
        self.colours = nn.ModuleList(Colours(own, channels, latent=latent) for _, own in sides)
        self.layers, self.counts = len(made) + 1, [side**2 for side in places]
        self.noises = sum(self.counts)

    def forward(
        self, w: Float[Tensor, "b n1 d"], noise: Float[Tensor, "b n2"]
    ) -> Float[Tensor, "b c y x"]:
        """One picture for each row, standardised; `noise` is `noises` numbers for each."""
        parts = noise.split(self.counts, dim=1)
        h, picture = self.start.expand(len(w), -1, -1, -1), None
        for number, (conv, part) in enumerate(zip(self.convs, parts, strict=True)):
            h = conv(h, w[:, number], part)
            if number % 2 == 0:  # the last convolution of its size
                seen = self.colours[number // 2](h, w[:, number + 1])
                picture = seen if picture is None else upsample(picture) + seen
        assert picture is not None
        return picture


class Colours(nn.Module):
    """What a map says of the colours (ToRGB)."""

    def __init__(self, before: int, channels: int, /, *, latent: int):
        super().__init__()
        self.conv = ModulatedConv(before, channels, 1, latent=latent, demodulate=False)
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(
        self, x: Float[Tensor, "b c y x"], w: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b c2 y x"]:
        """Their colours."""
        return self.conv(x, w) + self.bias[:, None, None]
