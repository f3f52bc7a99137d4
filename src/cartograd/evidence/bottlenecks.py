"""Inception modules and residual blocks with and without the 1x1 convolutions that narrow.

Without, the large kernels read all maps of their input and write as many as before: each branch of
a module goes straight to its 3x3, and a residual block is one 3x3 at full width where the
bottleneck has its one between two 1x1. The 1x1 that are no narrowing before a large kernel, the
first branch and the one behind the pooling, stay.
"""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cartograd.architectures.cnn.googlenet import Convolution, Inception
from cartograd.architectures.cnn.resnet import Bottleneck
from cartograd.core.build import build
from cartograd.foundations.activations.relu import relu
from cartograd.foundations.initialization.initialise import initialise

MODULE = (16, 24, 32, 4, 8, 8)
"""Maps of a small module: of GoogLeNet's first, a quarter."""
OUT = 64
"""Maps of a small module or block."""


class Direct(nn.Module):
    """One 3x3 convolution at full width beside a shortcut."""

    def __init__(self, into: int, out: int, /, *, stride: int, shortcut: nn.Module):
        super().__init__()
        self.conv = nn.Conv2d(into, out, 3, stride, 1, bias=False)
        self.bn = nn.BatchNorm2d(out)
        self.downsample = shortcut

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b d ..."]:
        """From c to d maps."""
        return relu(self.bn(self.conv(x)) + self.downsample(x))


def unnarrowed(model: nn.Module, /) -> nn.Module:
    """A network whose modules and blocks have lost their narrowing 1x1; changed in place."""
    for name, child in model.named_children():
        if isinstance(child, Bottleneck):
            into, out = child.conv1.in_channels, child.conv3.out_channels
            stride, shortcut = child.conv2.stride[0], child.downsample
            setattr(model, name, Direct(into, out, stride=stride, shortcut=shortcut))
        elif isinstance(child, Inception):
            for branch in ("branch2", "branch3"):
                setattr(child, branch, _straight(child.get_submodule(branch)))
        else:
            unnarrowed(child)
    return model


def _straight(branch: nn.Module) -> Convolution:
    """From what a branch reads to what it writes, by its large kernel."""
    before, large = (part.conv for part in branch.children() if isinstance(part, Convolution))
    into, out, kernel = before.in_channels, large.out_channels, large.kernel_size[0]
    return Convolution(into, out, kernel=kernel, batch_norm=large.bias is None)


def published(name: str, *, narrow: bool) -> int:
    """Multiply-adds of a network as it was published, for an image of 224 x 224."""
    with torch.device("meta"):
        model = build(name)
        return multiply_adds(model if narrow else unnarrowed(model), torch.zeros(1, 3, 224, 224))


def multiply_adds(model: nn.Module, x: Tensor, /) -> int:
    """Of a pass in evaluation."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(x)
    return counter.get_total_flops() // 2


def small(kind: str, arm: str, /) -> nn.Module:
    """Two modules (`inception`) or blocks (`residual`) for grey images of 14 x 14.

    Args:
        kind: of block.
        arm: `with` 1x1, `without`, or without and so `thin` that it takes no more multiply-adds.
    """
    return initialise(_small(kind, arm, _thin(kind) if arm == "thin" else OUT), "kaiming")


@cache
def _thin(kind: str) -> int:
    """Maps of the widest network without 1x1 that costs no more than the one with."""
    most = small_cost(kind, "with", OUT)
    return max(out for out in range(16, OUT, 2) if small_cost(kind, "thin", out) <= most)


def small_cost(kind: str, arm: str, out: int, /) -> int:
    """Multiply-adds of a small network with so many maps."""
    with torch.device("meta"):
        return multiply_adds(_small(kind, arm, out), torch.zeros(1, 1, 14, 14))


def _small(kind: str, arm: str, out: int) -> nn.Module:
    layers: list[nn.Module] = [Convolution(1, out // 2, kernel=3), nn.MaxPool2d(2)]
    into = out // 2
    one, before3, three, before5, five, pooled = (maps * out // OUT for maps in MODULE)
    for _ in range(2):
        if kind == "inception":
            block = Inception(into, one, before3, three, before5, five, pooled, batch_norm=True)
            into = block.out
        else:
            block, into = Bottleneck(into, out // 4, norm="batch"), out // 4 * 4
        layers.append(block)
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(into, 10))
    return model if arm == "with" else unnarrowed(model)
