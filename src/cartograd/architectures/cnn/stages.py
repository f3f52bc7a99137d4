"""A convolutional network as stages: its maps at each size, from fine to coarse.

What finds things of every size in a picture, or names each of its pixels, needs more of a
classifier than its last maps: those of each size on the way there, the last before every halving.
The layers that pool maps and name classes are left out, and so are auxiliary heads.

    x -> (m_1, ..., m_s),    m_i of width_i channels, each about half as high and wide as m_(i-1)

References:
    Tsung-Yi Lin et al. Feature pyramid networks for object detection. CVPR 2017.
    https://arxiv.org/abs/1612.03144

>>> from cartograd.core.build import build
>>> network = build("resnet18:width=4,channels=1,size=32,classes=2")
>>> parts = stages(network, channels=1, size=32)
>>> parts.widths, [tuple(maps.shape[2:]) for maps in parts(torch.zeros(1, 1, 32, 32))]
((4, 8, 16, 32), [(32, 32), (16, 16), (8, 8), (4, 4)])
"""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating

SMALLER = 0.7
"""A map whose sides are at most this share of those before begins a stage; unpadded filters do not
count as a halving."""


@runtime_checkable
class Trunk(Protocol):
    """A network that says which of its layers make maps."""

    def trunk(self) -> list[nn.Module]:
        """These layers, in the order in which they are called, each with the maps before it."""
        ...


class Stages(nn.Module):
    """Layers in groups, and the maps that each group makes.

    Args:
        groups: the layers of each stage.
        widths: how many channels each stage's maps have.
    """

    def __init__(self, groups: list[list[nn.Module]], widths: tuple[int, ...], /):
        super().__init__()
        self.groups = nn.ModuleList(nn.Sequential(*group) for group in groups)
        self.widths = widths

    def forward(self, x: Float[Tensor, "b c y x"]) -> list[Float[Tensor, "b ..."]]:
        """The maps of each stage, the largest first."""
        found = []
        for group in self.groups:
            x = group(x)
            found.append(x)
        return found


def stages(network: nn.Module, /, *, channels: int, size: int) -> Stages:
    """The maps of a network at each size; its layers are shared, not copied.

    Args:
        network: a convolutional classifier of ours.
        channels: of its pictures.
        size: height and width of its pictures.

    Raises:
        UsageError: it does not say which layers make maps, or its pictures are too small for them.
    """
    if not isinstance(network, Trunk):
        raise UsageError(
            f"{type(network).__name__} has no maps of several sizes; take one of alexnet, vgg, "
            "googlenet, inception-v3, resnet, densenet, efficientnet, such as resnet18"
        )
    layers = network.trunk()
    device = next(network.parameters()).device
    groups: list[list[nn.Module]] = []
    widths: list[int] = []
    with torch.no_grad(), evaluating(network):
        x = torch.zeros(1, channels, size, size, device=device)
        for number, layer in enumerate(layers):
            before, x = x.shape[2], _maps(layer, x, network, size)
            if number == 0 or x.shape[2] <= SMALLER * before:
                groups.append([])
                widths.append(0)
            groups[-1].append(layer)
            widths[-1] = x.shape[1]
    return Stages(groups, tuple(widths))


def _maps(layer: nn.Module, x: Tensor, network: nn.Module, size: int) -> Tensor:
    try:
        return layer(x)
    except RuntimeError as error:
        raise UsageError(
            f"pictures of {size} x {size} pixels are too small for the filters of "
            f"{type(network).__name__}; take larger ones (size=64), or a resnet"
        ) from error
