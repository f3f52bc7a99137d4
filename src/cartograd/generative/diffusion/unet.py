"""The U-Net of diffusion models: convolutions on the way down and up, joined at every size.

Residual blocks are told time and class by a scale and a shift of their normalised activations; at
the smallest size positions attend to each other. Pictures may be cut into patches first (each patch
becomes channels), which makes everything cheaper by their area.

References:
    Olaf Ronneberger, Philipp Fischer, Thomas Brox. U-Net: convolutional networks for biomedical
    image segmentation. MICCAI 2015. https://arxiv.org/abs/1505.04597
    Jonathan Ho, Ajay Jain, Pieter Abbeel. Denoising diffusion probabilistic models. NeurIPS 2020.
    https://arxiv.org/abs/2006.11239
    Prafulla Dhariwal, Alex Nichol. Diffusion models beat GANs on image synthesis. NeurIPS 2021.
    https://arxiv.org/abs/2105.05233
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.errors import UsageError
from cartograd.generative.diffusion.told import Told

GROUPS = 8


class UNet(nn.Module):
    """A U-Net that is told a time and a class.

    Args:
        channels: of the pictures.
        width: channels at the first size; they double with each halving.
        sizes: how many sizes there are, each half the one before.
        patch: side of the patches that become channels.
        classes: how many, or None.
        dropout: share of activations that are dropped in each block.
        outputs: answers, each of the shape of a picture.

    Raises:
        UsageError: the width is no multiple of the groups that are normalised.
    """

    def __init__(
        self,
        channels: int,
        /,
        *,
        width: int,
        sizes: int = 2,
        patch: int = 1,
        classes: int | None = None,
        dropout: float = 0.0,
        outputs: int = 1,
    ):
        if width % GROUPS:
            raise UsageError(f"width={width} of a U-Net; expected a multiple of {GROUPS}")
        super().__init__()
        self.patch, self.least = patch, patch * 2 ** (sizes - 1)
        told, inside = 4 * width, channels * patch**2
        widths = [width * 2**i for i in range(sizes)]
        self.told = Told(told, classes)
        self.first = nn.Conv2d(inside, width, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        before = width
        for i, own in enumerate(widths):
            block = Block(before, own, told, dropout=dropout)
            smaller = (
                nn.Conv2d(own, own, 3, stride=2, padding=1) if i + 1 < sizes else nn.Identity()
            )
            self.down.append(nn.ModuleList([block, smaller]))
            before = own
        self.middle = nn.ModuleList(
            [Block(before, before, told, dropout=dropout), SelfAttention(before),
             Block(before, before, told, dropout=dropout)]
        )  # fmt: skip
        for i, own in reversed(list(enumerate(widths))):
            larger = Larger(before, own) if i + 1 < sizes else nn.Identity()
            self.up.append(nn.ModuleList([larger, Block(2 * own, own, told, dropout=dropout)]))
            before = own
        self.norm = nn.GroupNorm(GROUPS, width)
        self.last = zeroed(nn.Conv2d(width, inside * outputs, 3, padding=1))

    def forward(
        self,
        x: Float[Tensor, "b c y x"],
        time: Float[Tensor, " b"],
        y: Int[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b c2 y x"]:
        """What is predicted; sides that cannot be halved so often are filled up meanwhile."""
        height, width = x.shape[-2:]
        told = self.told(time, y)
        h = F.pad(x, (0, -width % self.least, 0, -height % self.least))
        h = self.first(F.pixel_unshuffle(h, self.patch))
        kept: list[Tensor] = []
        for block, smaller in _each(self.down):
            h = block(h, told)
            kept.append(h)
            h = smaller(h)
        block, attention, other = self.middle
        h = other(attention(block(h, told)), told)
        for larger, block in _each(self.up):
            h = block(torch.cat([larger(h), kept.pop()], dim=1), told)
        h = F.pixel_shuffle(self.last(F.silu(self.norm(h))), self.patch)
        return h[..., :height, :width]


class Block(nn.Module):
    """Two convolutions around which the input is carried."""

    def __init__(self, before: int, after: int, told: int, /, *, dropout: float):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(GROUPS, before), nn.GroupNorm(GROUPS, after)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.conv2 = zeroed(nn.Conv2d(after, after, 3, padding=1))
        self.told = nn.Linear(told, 2 * after)
        self.drop = nn.Dropout(dropout)
        self.carry = nn.Identity() if before == after else nn.Conv2d(before, after, 1)

    def forward(
        self, x: Float[Tensor, "b c y x"], told: Float[Tensor, "b d"]
    ) -> Float[Tensor, "b c2 y x"]:
        """Told by scale and shift after the second normalisation."""
        scale, shift = self.told(F.silu(told))[:, :, None, None].chunk(2, dim=1)
        h = self.conv1(F.silu(self.norm1(x)))
        h = F.silu(self.norm2(h) * (1 + scale) + shift)
        return self.carry(x) + self.conv2(self.drop(h))


class SelfAttention(nn.Module):
    """Every position looks at all others, with heads of 32 channels."""

    def __init__(self, channels: int, /):
        super().__init__()
        self.heads = max(1, channels // 32)
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.inside = nn.Conv2d(channels, 3 * channels, 1)
        self.outside = zeroed(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """`x` and what the positions tell each other."""
        b, _, height, width = x.shape
        qkv = self.inside(self.norm(x)).reshape(b, 3, self.heads, -1, height * width)
        q, k, v = qkv.transpose(-1, -2).unbind(1)
        h = F.scaled_dot_product_attention(q, k, v).transpose(-1, -2)
        return x + self.outside(h.reshape(b, -1, height, width))


class Larger(nn.Module):
    """Twice the size, and other channels."""

    def __init__(self, before: int, after: int, /):
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, padding=1)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c2 y2 x2"]:
        """Each position becomes four, and a convolution smooths them."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


def zeroed(layer: nn.Conv2d, /) -> nn.Conv2d:
    """A layer that answers with zeros at first, so that a residual block begins as the identity."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def _each(stages: Sequence[nn.Module] | nn.ModuleList) -> list[tuple[nn.Module, nn.Module]]:
    return [(stage[0], stage[1]) for stage in stages]  # pyright: ignore[reportIndexIssue]
