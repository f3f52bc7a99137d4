"""PatchGAN: a critic that says of each patch of a picture how real it looks.

It has few weights, works for any size, and leaves the whole of a picture to other losses.

Shapes: pictures `b c y x`, answers `b 1 y x`.

References:
    Phillip Isola, Jun-Yan Zhu, Tinghui Zhou, Alexei Efros. Image-to-image translation with
    conditional adversarial networks. CVPR 2017. https://arxiv.org/abs/1611.07004

>>> import torch
>>> patch_critic(3, width=4)(torch.randn(1, 3, 256, 256)).shape
torch.Size([1, 1, 30, 30])
"""

from itertools import pairwise

from torch import nn

from cartograd.generative.gan.generator import started

SLOPE = 0.2
LEAST = 24
"""Side of the smallest picture of which there is a patch."""


def patch_critic(channels: int, /, *, width: int) -> nn.Sequential:
    """The critic of patches of 70 by 70.

    Args:
        channels: of a picture.
        width: channels of the first layer.
    """
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1)]
    layers.append(nn.LeakyReLU(SLOPE))
    for (before, after), stride in zip(
        pairwise([width, 2 * width, 4 * width, 8 * width]), (2, 2, 1), strict=True
    ):
        layers.append(nn.Conv2d(before, after, 4, stride=stride, padding=1))
        layers += [nn.InstanceNorm2d(after), nn.LeakyReLU(SLOPE)]
    layers.append(nn.Conv2d(8 * width, 1, 4, padding=1))
    critic = nn.Sequential(*layers)
    started(critic)
    return critic
