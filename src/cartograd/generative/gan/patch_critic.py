"""PatchGAN: a critic that says of each patch of a picture how real it looks.

It has few weights, works for any size, and leaves the whole of a picture to other losses.

Shapes: pictures `b c y x`, answers `b 1 y x`.

References:
    Phillip Isola, Jun-Yan Zhu, Tinghui Zhou, Alexei Efros. Image-to-image translation with
    conditional adversarial networks. CVPR 2017. https://arxiv.org/abs/1611.07004

>>> import torch
>>> patch_critic(3, width=4)(torch.randn(1, 3, 256, 256)).shape
torch.Size([1, 1, 30, 30])
>>> fitting(28), fitting(256)
(16, 70)
"""

from itertools import pairwise

from torch import nn

from cartograd.core.errors import UsageError
from cartograd.generative.gan.generator import started

SLOPE = 0.2
HALVINGS = {16: 1, 34: 2, 70: 3}
"""Sides of the patches that the paper compares, and how often a picture is halved for them."""


def least(patch_size: int, /) -> int:
    """The side of the smallest picture of which there is such a patch.

    >>> least(16), least(70)
    (6, 24)
    """
    return 3 * 2 ** HALVINGS[patch_size]


def fitting(side: int, /) -> int:
    """The largest patch of three fifths of such a side at most; else the smallest."""
    return max((one for one in HALVINGS if 5 * one <= 3 * side), default=min(HALVINGS))


def critic_for_side(
    channels: int, /, *, side: int, width: int, patch_size: int | None = None
) -> nn.Sequential:
    """The critic of pictures of a known size.

    Args:
        channels: of a picture.
        side: its shorter one.
        width: channels of the first layer.
        patch_size: 16, 34 or 70; the `fitting` one unless told otherwise.

    Raises:
        UsageError: there is no such patch, or pictures are too small for it.
    """
    if patch_size not in (None, *HALVINGS):
        raise UsageError(f"patch_size={patch_size}; expected 16, 34 or 70")
    patch_size = patch_size or fitting(side)
    if side < least(patch_size):
        raise UsageError(
            f"critics of patches of {patch_size} judge pictures of side {least(patch_size)} or "
            f"more; these have {side}: `size=` of the data makes them larger"
        )
    return patch_critic(channels, width=width, patch_size=patch_size)


def patch_critic(channels: int, /, *, width: int, patch_size: int = 70) -> nn.Sequential:
    """The critic of patches.

    Args:
        channels: of a picture.
        width: channels of the first layer.
        patch_size: 16, 34 or 70.
    """
    halvings = HALVINGS[patch_size]
    widths = [width * 2**i for i in range(halvings + 1)]
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1)]
    layers.append(nn.LeakyReLU(SLOPE))
    for place, (before, after) in enumerate(pairwise(widths), start=1):
        stride = 2 if place < halvings else 1
        layers.append(nn.Conv2d(before, after, 4, stride=stride, padding=1))
        layers += [nn.InstanceNorm2d(after), nn.LeakyReLU(SLOPE)]
    layers.append(nn.Conv2d(widths[-1], 1, 4, padding=1))
    critic = nn.Sequential(*layers)
    started(critic)
    return critic
