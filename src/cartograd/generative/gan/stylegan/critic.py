"""StyleGAN2's critic: residual blocks of halving size, and how much a batch varies.

    block:  (conv3(conv3(x)) + conv1(x)) / sqrt(2),    each half the size at the end

A generator that makes the same picture again and again gives itself away where the critic sees the
standard deviation within groups of a batch. Of a class it is told by a projection.

Shapes: pictures `b c y x`, answers `b`.

Departures: a group is of the largest number of examples up to `group_size` that divides the batch.

References:
    Tero Karras and others. Analyzing and improving the image quality of StyleGAN. CVPR 2020.
    https://arxiv.org/abs/1912.04958
    Tero Karras, Timo Aila, Samuli Laine, Jaakko Lehtinen. Progressive growing of GANs for improved
    quality, stability, and variation. ICLR 2018. https://arxiv.org/abs/1710.10196

>>> critic = StyleCritic(channels=1, size=8, width=2, max_width=4, classes=3, group_size=2)
>>> critic(torch.randn(4, 1, 8, 8), torch.tensor([0, 1, 2, 0])).shape
torch.Size([4])
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.generative.gan.stylegan.equalised import EqualisedConv, EqualisedLinear, bent
from cartograd.generative.gan.stylegan.synthesis import stages

EPS = 1e-8


class StyleCritic(nn.Module):
    """How real a picture looks.

    Args:
        channels: of a picture.
        size: its side.
        width: channels at the full size; they double with each halving.
        max_width: most channels.
        classes: how many it is told of, or None.
        group_size: most examples of which the standard deviation is seen together.
    """

    def __init__(
        self,
        *,
        channels: int,
        size: int,
        width: int,
        max_width: int,
        classes: int | None,
        group_size: int,
    ):
        super().__init__()
        sides = stages(size, width=width, max_width=max_width)[::-1]
        own = [after for _, after in sides]
        (least, last), self.group_size = sides[-1], group_size
        self.colours = EqualisedConv(channels, own[0], 1)
        self.blocks = nn.Sequential(*map(ResidualBlock, own[:-1], own[1:]))
        self.conv = EqualisedConv(last + 1, last, 3)
        self.dense = EqualisedLinear(last * least**2, last)
        self.told = None if classes is None else nn.Embedding(classes, last)
        self.last = EqualisedLinear(last, 1 if classes is None else last)

    def forward(
        self, x: Float[Tensor, "b c y x"], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, " b"]:
        """A number for each picture: high for a real one."""
        h = self.blocks(bent(self.colours(x)))
        h = torch.cat([h, variety(h, self.group_size)], dim=1)
        h = self.last(bent(self.dense(bent(self.conv(h)).flatten(1))))
        if y is None or self.told is None:
            return h[:, 0]
        return (h * self.told(y)).sum(1) / h.shape[1] ** 0.5


class ResidualBlock(nn.Module):
    """Two convolutions to half the size, and the straight way beside them."""

    def __init__(self, before: int, after: int, /):
        super().__init__()
        self.first = EqualisedConv(before, before, 3)
        self.second = EqualisedConv(before, after, 3, down=True)
        self.straight = EqualisedConv(before, after, 1, bias=False, down=True)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c2 y2 x2"]:
        """Of the same spread as the input."""
        return (bent(self.second(bent(self.first(x)))) + self.straight(x)) / 2**0.5


def variety(x: Float[Tensor, "b c y x"], most: int, /) -> Float[Tensor, "b 1 y x"]:
    """How much the maps vary within groups of the batch, as one more map of one number.

    Rows of a group stand as far apart as there are groups.

    >>> variety(torch.ones(4, 2, 3, 3), 4).mean().item() - 1e-4 < 1e-9
    True
    """
    size = next(one for one in range(min(most, len(x)), 0, -1) if len(x) % one == 0)
    groups = x.reshape(size, -1, *x.shape[1:])
    spread = (groups.var(0, correction=0) + EPS).sqrt().mean((1, 2, 3))
    return spread.repeat(size)[:, None, None, None].expand(-1, 1, *x.shape[2:])
