"""ResNet: blocks that learn what to add to their input, so that depth does no harm.

A plain stack of many layers trains worse than a shallow one, though it could copy it. Here each
block adds its output to its input; doing nothing is then the easiest thing to learn, and the
gradient reaches every block along the sums undiminished.

    basic (18, 34, 6n+2):        y = relu(x' + bn conv3x3 relu bn conv3x3 x)
    bottleneck (50, 101, 152):   y = relu(x' + bn conv1x1 relu bn conv3x3 relu bn conv1x1 x)

where x' is x or, where the shape changes, x through a 1x1 convolution and batch normalisation.
ResNeXt's 3x3 convolution is grouped (32 groups) and has twice as many maps in all; Wide-ResNet's
has twice as many without groups.
Depths 18 to 152 are the four-stage networks for ImageNet. Depths 6n+2 (20, 32, 44, 56, 110) are
the three-stage ones for CIFAR-10, whose x' has no weights: every second pixel, new channels zero.

Shapes: input `b c y x` of any height and width; logits `b k`. The stem for images of 64 pixels
and less is one 3x3 convolution; for larger ones a 7x7 with stride 2 and a max-pool.

Departures: as in torchvision, a bottleneck's stride is on its 3x3 convolution, not on the first
1x1. Convolutions start from He's normal distribution (fan-out), batch normalisation from 1 and 0,
the dense layer as torch's does. `zero_init` starts every block as the identity (Goyal et al.).

References:
    Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun. Deep residual learning for image
    recognition. 2015, CVPR 2016. https://arxiv.org/abs/1512.03385
    Saining Xie, Ross Girshick, Piotr Dollár, Zhuowen Tu, Kaiming He. Aggregated residual
    transformations for deep neural networks. 2016. https://arxiv.org/abs/1611.05431
    Sergey Zagoruyko, Nikos Komodakis. Wide residual networks. 2016.
    https://arxiv.org/abs/1605.07146
    Priya Goyal et al. Accurate, large minibatch SGD: training ImageNet in 1 hour. 2017.
    https://arxiv.org/abs/1706.02677

>>> import torch
>>> with torch.device("meta"):
...     model = ResNet(depth=50)
>>> sum(weight.numel() for weight in model.parameters())
25557032
"""

from typing import Any

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.foundations.activations.layer import Activation
from cartograd.foundations.activations.relu import relu
from cartograd.training.normalization.layers import Maps, of_maps
from cartograd.training.regularization.stochastic_depth import StochasticDepth

CARD = Card(
    name="resnet",
    kind="model",
    entry="ResNet",
    nodes=("arch/resnet",),
    title="ResNet",
    zh="ResNet（残差网络）",
    paper="Deep residual learning for image recognition",
    year=2015,
    url="https://arxiv.org/abs/1512.03385",
    proofs=(
        "oracle: torchvision.models.resnet18, resnet50 and resnext50_32x4d with the same weights, "
        "outputs and gradients to 1e-10 in float64; parameter names and shapes of all eight",
        "law: with `zero_init` every block starts as the identity",
        "paper: 11,689,512 / 21,797,672 / 25,557,032 / 44,549,160 / 60,192,808 parameters, "
        "1.814 to 11.514 G multiply-adds; CIFAR-10 forms from 269,722 to 1,727,962; ResNeXt-50 "
        "25,028,904, Wide-ResNet-50-2 68,883,240",
    ),
    evidence={
        "arch/resnet": (
            "test_published_parameters_and_multiply_adds",
            "test_equals_torchvision_with_gradients",
        ),
    },
    tiny={"depth": 8, "width": 4, "channels": 3, "size": 8, "classes": 3},
    renamed={"skip": "drop_path"},
)

PRESETS = {
    "resnet18": {"depth": 18},
    "resnet20": {"depth": 20},
    "resnet32": {"depth": 32},
    "resnet34": {"depth": 34},
    "resnet44": {"depth": 44},
    "resnet50": {"depth": 50},
    "resnet56": {"depth": 56},
    "resnet101": {"depth": 101},
    "resnet110": {"depth": 110},
    "resnet152": {"depth": 152},
    "resnext50-32x4d": {"depth": 50, "groups": 32, "widen": 2},
    "resnext101-32x8d": {"depth": 101, "groups": 32, "widen": 4},
    "wide-resnet50-2": {"depth": 50, "widen": 2},
    "wide-resnet101-2": {"depth": 101, "widen": 2},
}

FOUR_STAGES = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""Blocks of each stage; from depth 50 on they are bottlenecks."""


class ResNet(nn.Module):
    """A residual network, with torchvision's parameter names.

    Args:
        depth: 18, 34, 50, 101 or 152 for four stages; any other 6n+2 for three.
        width: channels of the first stage, doubled by each later one; the paper's 64 for four
            stages and 16 for three, if not given.
        channels, size: of the input image; the size chooses the stem.
        classes: number of classes.
        groups: of maps in the 3x3 convolution of a bottleneck.
        widen: how many times as wide as the paper's that convolution is.
        norm: of the maps: `batch`, `group`, `layer`, `instance` or `none`.
        zero_init: start the last scale of every block at zero.
        drop_path: probability that the last block's branch is left out for an example in
            training (stochastic depth); that of earlier blocks grows with their place.

    Raises:
        UsageError: no network has this depth, groups that its blocks cannot form, or scales to
            start at zero without norms.
    """

    def __init__(
        self,
        *,
        depth: int = 50,
        width: int | None = None,
        channels: int = 3,
        size: int = 224,
        classes: int = 1000,
        groups: int = 1,
        widen: int = 1,
        norm: Maps = "batch",
        zero_init: bool = False,
        drop_path: float = 0.0,
    ):
        super().__init__()
        block, counts = _plan(depth)
        width = width or (64 if len(counts) == 4 else 16)
        _check_groups(block, width * widen, groups, widen)
        if zero_init and norm is None:
            raise UsageError(
                "resnet: zero_init starts the norms' last scales, and norm=none has none"
            )
        if size > 64:
            self.conv1 = nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False)
            self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        else:
            self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
            self.maxpool = nn.Identity()
        self.bn1 = of_maps(width, norm=norm)
        stages, into = [], width
        for number, count in enumerate(counts):
            middle = width * 2**number
            stride = 1 if number == 0 else 2
            inside: dict[str, Any] = {"norm": norm}
            if block is Bottleneck:
                inside |= {"groups": groups, "widen": widen}
            first = block(into, middle, stride=stride, project=len(counts) == 4, **inside)
            into = middle * block.expansion
            later = (block(into, middle, **inside) for _ in range(count - 1))
            stages.append(nn.Sequential(first, *later))
        self.layer1, self.layer2, self.layer3 = stages[:3]
        self.layer4 = stages[3] if len(counts) == 4 else nn.Identity()
        self.fc = nn.Linear(into, classes)
        blocks = [part for part in self.modules() if isinstance(part, Basic | Bottleneck)]
        for place, part in enumerate(blocks, start=1):
            part.skip.drop_path = drop_path * place / len(blocks)
        _initialise(self, zero_init=zero_init)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b k"]:
        """Logits."""
        x = self.maxpool(relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))

    def trunk(self) -> list[nn.Module]:
        """The layers that make maps, in order (`stages`)."""
        stem = [self.conv1, self.bn1, Activation("relu"), self.maxpool]
        return [*stem, self.layer1, self.layer2, self.layer3, self.layer4]


class Basic(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(
        self, into: int, width: int, /, *, stride: int = 1, project: bool = True, norm: Maps
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(into, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = of_maps(width, norm=norm)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = of_maps(width, norm=norm)
        self.downsample = _shortcut(into, width, stride, project, norm)
        self.skip = StochasticDepth(drop_path=0.0)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b d ..."]:
        """From c to d channels."""
        y = relu(self.bn1(self.conv1(x)))
        y = self.skip(self.bn2(self.conv2(y)))
        return relu(y + self.downsample(x))


class Bottleneck(nn.Module):
    """A 3x3 convolution between 1x1 ones that narrow and widen again, beside a shortcut."""

    expansion = 4

    def __init__(
        self,
        into: int,
        width: int,
        /,
        *,
        stride: int = 1,
        project: bool = True,
        norm: Maps,
        groups: int = 1,
        widen: int = 1,
    ):
        super().__init__()
        wide, middle = width * self.expansion, width * widen
        self.conv1 = nn.Conv2d(into, middle, 1, bias=False)
        self.bn1 = of_maps(middle, norm=norm)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride, 1, groups=groups, bias=False)
        self.bn2 = of_maps(middle, norm=norm)
        self.conv3 = nn.Conv2d(middle, wide, 1, bias=False)
        self.bn3 = of_maps(wide, norm=norm)
        self.downsample = _shortcut(into, wide, stride, project, norm)
        self.skip = StochasticDepth(drop_path=0.0)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b d ..."]:
        """From c to d channels."""
        y = relu(self.bn1(self.conv1(x)))
        y = relu(self.bn2(self.conv2(y)))
        y = self.skip(self.bn3(self.conv3(y)))
        return relu(y + self.downsample(x))


class Padding(nn.Module):
    """The shortcut without weights: every second pixel, and new channels that are zero."""

    def __init__(self, into: int, out: int, /):
        super().__init__()
        self.before = (out - into) // 2
        self.after = out - into - self.before

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b d ..."]:
        """From c to d channels, half as high and wide."""
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.before, self.after))


def _plan(depth: int) -> tuple[type[Basic] | type[Bottleneck], tuple[int, ...]]:
    """The kind of block, and how many of them in each stage."""
    if depth in FOUR_STAGES:
        return Bottleneck if depth >= 50 else Basic, FOUR_STAGES[depth]
    if depth < 8 or depth % 6 != 2:
        raise UsageError(
            f"resnet: no network has depth={depth}; expected one of 18, 34, 50, 101, 152, or "
            f"6n+2 for small images: 8, 14, 20, 26, 32, 44, 56, 110, ..."
        )
    return Basic, ((depth - 2) // 6,) * 3


def _check_groups(block: type[nn.Module], maps: int, groups: int, widen: int) -> None:
    if block is Basic and (groups, widen) != (1, 1):
        raise UsageError("resnet: groups and widen are for bottlenecks; give depth=50, 101 or 152")
    if maps % groups:
        raise UsageError(f"resnet: {maps} maps do not form groups={groups} of one size")


def _shortcut(into: int, out: int, stride: int, project: bool, norm: Maps) -> nn.Module:
    if into == out and stride == 1:
        return nn.Identity()
    if not project:
        return Padding(into, out)
    convolution = nn.Conv2d(into, out, 1, stride=stride, bias=False)
    return nn.Sequential(convolution, of_maps(out, norm=norm))


def _initialise(model: nn.Module, *, zero_init: bool) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if zero_init and isinstance(module, Basic | Bottleneck):
            last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
            assert isinstance(last, nn.BatchNorm2d | nn.GroupNorm)
            nn.init.zeros_(last.weight)
