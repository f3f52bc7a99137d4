"""EfficientNet: one small network, and a rule that scales depth, width and resolution jointly.

B0 is a stack of inverted residuals: a 1x1 convolution widens, a depthwise one mixes neighbours,
squeeze and excitation weighs the channels, and a 1x1 convolution narrows again. The others are
B0 enlarged by one number phi.

    depth = alpha^phi, width = beta^phi, resolution = 224 gamma^phi;  alpha beta^2 gamma^2 ~ 2

A stage of n blocks gets ceil(depth n), and c maps become the multiple of 8 nearest to width c, or
the next one where that would lose more than a tenth. B0 to B7 are phi = 0, 0.5, 1, 2, 3.5, 5, 6, 7.

The Lite form has no gates, ReLU6 in the place of SiLU, and leaves the stem, the last convolution
and the number of blocks of the first and the last stage as they are.

Shapes: input `b c y x`; logits `b k`. Images of 64 pixels and less keep their size up to the
third stage.

Departures: the paper's alpha of 1.2 and beta of 1.1 give B0 to B3, the larger published networks
are a little wider and clearly less deep than they say. 1.175 and 1.102, rounded to a tenth, give
all eight. Dropout grows with phi from 0.2 to 0.5 in a straight line. The dense layer starts as
torch's do; the authors' start, which widens with fewer classes, is too wide for a dozen.

References:
    Mingxing Tan, Quoc Le. EfficientNet: rethinking model scaling for convolutional neural
    networks. ICML 2019. https://arxiv.org/abs/1905.11946
    Mark Sandler et al. MobileNetV2: inverted residuals and linear bottlenecks. 2018.
    https://arxiv.org/abs/1801.04381

>>> compound(2.0)
(1.2, 1.4, 296)
>>> import torch
>>> with torch.device("meta"):
...     model = EfficientNet(phi=0)
>>> sum(weight.numel() for weight in model.parameters())
5288548
"""

import math

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.foundations.activations.sigmoid import sigmoid
from cartograd.training.normalization.layers import Maps, of_maps
from cartograd.training.regularization.dropout import Dropout
from cartograd.training.regularization.stochastic_depth import StochasticDepth

CARD = Card(
    name="efficientnet",
    kind="model",
    entry="EfficientNet",
    nodes=("arch/efficientnet",),
    title="EfficientNet",
    zh="EfficientNet",
    paper="EfficientNet: rethinking model scaling for convolutional neural networks",
    year=2019,
    url="https://arxiv.org/abs/1905.11946",
    proofs=(
        "oracle: torchvision.models.efficientnet_b0 with the same weights, outputs and gradients "
        "to 1e-10 in float64; parameter names and shapes of all eight; timm's efficientnet_lite0",
        "law: TensorFlow's padding is torch's at stride 1, and shifts the grid at stride 2",
        "paper: 5,288,548 to 66,347,960 parameters of B0 to B7, from phi alone; 0.386 to 37.746 G "
        "multiply-adds",
    ),
    evidence={
        "arch/efficientnet": (
            "test_the_rule_gives_the_published_coefficients",
            "test_published_parameters_and_multiply_adds",
        ),
    },
    tiny={"phi": -14.0, "channels": 3, "size": 8, "classes": 3, "dropout": 0.0, "drop_path": 0.0},
    renamed={"floor": "eps", "skip": "drop_path"},
)

PRESETS = {
    "efficientnet-b0": {"phi": 0},
    "efficientnet-b1": {"phi": 0.5},
    "efficientnet-b2": {"phi": 1},
    "efficientnet-b3": {"phi": 2},
    "efficientnet-b4": {"phi": 3.5},
    "efficientnet-b5": {"phi": 5},
    "efficientnet-b6": {"phi": 6},
    "efficientnet-b7": {"phi": 7},
    "efficientnet-lite0": {"phi": 0, "lite": True},
    "efficientnet-lite1": {"phi": 0.5, "lite": True},
    "efficientnet-lite2": {"phi": 1, "lite": True},
    "efficientnet-lite3": {"phi": 2, "lite": True},
    "efficientnet-lite4": {"phi": 3.5, "lite": True},
}

STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
"""B0: how much the first 1x1 convolution widens, kernel, stride, maps and blocks of each stage."""


def compound(
    phi: float, /, *, deeper: float = 1.175, wider: float = 1.102, finer: float = 1.15
) -> tuple[float, float, int]:
    """Factors on width and depth, rounded to a tenth, and the resolution in pixels.

    >>> compound(1.0, deeper=1.2, wider=1.1)
    (1.1, 1.2, 258)
    """
    return round(wider**phi, 1), round(deeper**phi, 1), round(224 * finer**phi)


def rounded(maps: float, /) -> int:
    """The nearest multiple of 8, but not less than nine tenths of what was asked for.

    >>> [rounded(maps) for maps in (32, 35.2, 11, 18)]
    [32, 32, 16, 24]
    """
    nearest = max(8, int(maps + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * maps else nearest


class EfficientNet(nn.Module):
    """Seven stages of inverted residuals, with torchvision's parameter names.

    Args:
        phi: how large the network is, from 0 (B0) to 7 (B7); below 0 smaller than the paper's.
        channels, size: of the input image; the size chooses the stem.
        classes: number of classes.
        lite: the form for phones.
        dropout: probability that an input of the last layer is set to zero; by default it grows
            with phi.
        drop_path: probability that the last block's branch is left out for an example in
            training (stochastic depth); that of earlier blocks grows with their place.
        norm: of the maps: `batch`, `group`, `layer`, `instance` or `none`.
        eps: added to the variance by the norms.
        same_padding: strided convolutions are padded as TensorFlow does.
    """

    def __init__(
        self,
        *,
        phi: float = 0.0,
        channels: int = 3,
        size: int = 224,
        classes: int = 1000,
        lite: bool = False,
        dropout: float | None = None,
        drop_path: float = 0.2,
        norm: Maps = "batch",
        eps: float = 1e-3,
        same_padding: bool = False,
    ):
        super().__init__()
        width, depth, _ = compound(phi)
        kind = {"lite": lite, "norm": norm, "eps": eps, "same_padding": same_padding}
        stem = 32 if lite else rounded(32 * width)
        first = 2 if size > 64 else 1
        self.features = nn.Sequential(Unit(channels, stem, 3, stride=first, **kind))
        into, blocks = stem, []
        for number, (widen, kernel, stride, maps, count) in enumerate(STAGES):
            fixed = lite and number in (0, len(STAGES) - 1)
            stride = 1 if size <= 64 and number == 1 else stride
            out = rounded(maps * width)
            stage = nn.Sequential()
            for place in range(count if fixed else math.ceil(depth * count)):
                strided = stride if place == 0 else 1
                stage.append(Block(into, out, widen, kernel, stride=strided, **kind))
                into = out
            blocks += stage
            self.features.append(stage)
        for place, block in enumerate(blocks):
            block.stochastic_depth.drop_path = drop_path * place / len(blocks)
        last = 1280 if lite else rounded(1280 * width)
        self.features.append(Unit(into, last, 1, **kind))
        usual = min(max(0.2 + 0.3 * phi / 7, 0.0), 0.9)
        chosen = usual if dropout is None else dropout
        self.classifier = nn.Sequential(Dropout(dropout=chosen), nn.Linear(last, classes))
        _initialise(self)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b k"]:
        """Logits."""
        return self.classifier(self.features(x).mean((2, 3)))

    def trunk(self) -> list[nn.Module]:
        """The layers that make maps, in order (`stages`)."""
        return list(self.features)


class Unit(nn.Sequential):
    """A convolution (depthwise, if asked), normalisation and a nonlinearity, if any."""

    def __init__(
        self,
        into: int,
        out: int,
        kernel: int,
        /,
        *,
        stride: int = 1,
        depthwise: bool = False,
        active: bool = True,
        lite: bool,
        norm: Maps,
        eps: float,
        same_padding: bool,
    ):
        make = SameConv2d if same_padding else nn.Conv2d
        groups = into if depthwise else 1
        conv = make(into, out, kernel, stride, kernel // 2, groups=groups, bias=False)
        bend = [nn.ReLU6() if lite else nn.SiLU()] if active else []
        super().__init__(conv, of_maps(out, norm=norm, eps=eps), *bend)


class Block(nn.Module):
    """An inverted residual: wide inside, narrow at both ends."""

    def __init__(
        self,
        into: int,
        out: int,
        widen: int,
        kernel: int,
        /,
        *,
        stride: int,
        lite: bool,
        norm: Maps,
        eps: float,
        same_padding: bool,
    ):
        super().__init__()
        kind = {"lite": lite, "norm": norm, "eps": eps, "same_padding": same_padding}
        wide = into * widen
        self.residual = stride == 1 and into == out
        self.block = nn.Sequential(
            *([Unit(into, wide, 1, **kind)] if widen > 1 else []),
            Unit(wide, wide, kernel, stride=stride, depthwise=True, **kind),
            *([] if lite else [Gate(wide, max(1, into // 4))]),
            Unit(wide, out, 1, active=False, **kind),
        )
        self.stochastic_depth = StochasticDepth(drop_path=0.0)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b d ..."]:
        """From c to d maps."""
        y = self.block(x)
        return x + self.stochastic_depth(y) if self.residual else y


class Gate(nn.Module):
    """Squeeze and excitation: a factor for each channel, from the means of all of them."""

    def __init__(self, maps: int, squeezed: int, /):
        super().__init__()
        self.fc1 = nn.Conv2d(maps, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, maps, 1)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """The maps, times their factors."""
        means = x.mean((2, 3), keepdim=True)
        return x * sigmoid(self.fc2(F.silu(self.fc1(means))))


class SameConv2d(nn.Conv2d):
    """Padded so that the output has `ceil(size / stride)` rows; an odd row is added at the end."""

    def forward(self, input: Float[Tensor, "b c y x"]) -> Float[Tensor, "b d ..."]:
        """From c to d maps."""
        edges = []
        for side, kernel, stride in zip(
            input.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True
        ):
            whole = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            edges += [whole // 2, whole - whole // 2]
        return F.conv2d(
            F.pad(input, edges), self.weight, self.bias, self.stride, 0, self.dilation, self.groups
        )


def _initialise(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
