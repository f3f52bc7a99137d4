"""DenseNet: every layer sees the maps of all layers before it.

Within a block each layer takes all maps before it and concatenates a few of its own, so that
nothing has to be learned twice and the gradient reaches every layer directly. Between blocks
a transition halves the image.

    x_l = [x_0, H(x_0), ..., H(x_(l-1))],  H = conv3x3 relu bn  (conv1x1 relu bn before it: "B")

"B" narrows the stack to four times the growth before the 3x3 convolution; "C" halves the maps in a
transition. Depths 121 to 201 are the four-block networks for ImageNet, all BC. Other depths are
the three-block ones for CIFAR: 6n+4 layers with the bottleneck, 3n+4 without.

Shapes: input `b c y x` of any height and width; logits `b k`. The stem for images of 64 pixels
and less is one 3x3 convolution; for larger ones a 7x7 with stride 2, normalised, and a max-pool.

Departures: as torchvision, weights start from He's normal distribution (fan-in).

References:
    Gao Huang, Zhuang Liu, Laurens van der Maaten, Kilian Weinberger. Densely connected
    convolutional networks. 2016, CVPR 2017. https://arxiv.org/abs/1608.06993

>>> import torch
>>> with torch.device("meta"):
...     model = DenseNet(depth=121)
>>> sum(weight.numel() for weight in model.parameters())
7978856
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.foundations.activations.layer import Activation
from cartograd.foundations.activations.relu import relu
from cartograd.training.normalization.layers import Maps, of_maps

CARD = Card(
    name="densenet",
    kind="model",
    entry="DenseNet",
    nodes=("arch/densenet",),
    title="DenseNet",
    zh="DenseNet（密集连接网络）",
    paper="Densely connected convolutional networks",
    year=2016,
    url="https://arxiv.org/abs/1608.06993",
    proofs=(
        "oracle: torchvision.models.densenet121 with the same weights, outputs and gradients to "
        "1e-10 in float64; parameter names and shapes of all four depths",
        "law: each layer of a block is given every map before it, unchanged",
        "paper: 7,978,856 / 14,149,480 / 20,013,928 / 28,681,000 parameters, 2.834 to 7.728 G "
        "multiply-adds; CIFAR forms 769,162, 25,624,430 and 1,019,722",
    ),
    evidence={
        "arch/densenet": (
            "test_published_parameters_and_multiply_adds",
            "test_equals_torchvision_with_gradients",
        ),
    },
    tiny={"depth": 10, "growth_rate": 3, "channels": 3, "size": 8, "classes": 3},
)

PRESETS = {
    "densenet121": {"depth": 121},
    "densenet161": {"depth": 161},
    "densenet169": {"depth": 169},
    "densenet201": {"depth": 201},
    "densenet-bc-100-12": {"depth": 100, "growth_rate": 12},
    "densenet-bc-190-40": {"depth": 190, "growth_rate": 40},
    "densenet-40-12": {"depth": 40, "growth_rate": 12, "bottleneck": False},
}

FOUR_BLOCKS = {
    121: (6, 12, 24, 16),
    161: (6, 12, 36, 24),
    169: (6, 12, 32, 32),
    201: (6, 12, 48, 32),
}
"""Layers of each block."""


class DenseNet(nn.Module):
    """Blocks of layers that see all before them, with torchvision's parameter names.

    Args:
        depth: 121, 161, 169 or 201 for four blocks; any other 6n+4 (without the bottleneck 3n+4)
            for three.
        growth_rate: maps that each layer adds; the paper's 32 for four blocks (48 for 161), 12 for
            three, if not given.
        channels, size: of the input image; the size chooses the stem.
        classes: number of classes.
        bottleneck: the BC form; without, the plain one of three blocks.
        norm: of the maps: `batch`, `group`, `layer`, `instance` or `none`.

    Raises:
        UsageError: no network has this depth.
    """

    def __init__(
        self,
        *,
        depth: int = 121,
        growth_rate: int | None = None,
        channels: int = 3,
        size: int = 224,
        classes: int = 1000,
        bottleneck: bool = True,
        norm: Maps = "batch",
    ):
        super().__init__()
        counts = _counts(depth, bottleneck)
        usual = {4: 48 if depth == 161 else 32, 3: 12}[len(counts)]
        growth = growth_rate or usual
        maps = 2 * growth if bottleneck else 16
        self.features = _stem(channels, maps, norm, large=size > 64)
        for number, count in enumerate(counts, start=1):
            block = nn.Sequential()
            for place in range(1, count + 1):
                layer = Layer(maps, growth, norm, bottleneck=bottleneck)
                block.add_module(f"denselayer{place}", layer)
                maps += growth
            self.features.add_module(f"denseblock{number}", block)
            if number < len(counts):
                out = maps // 2 if bottleneck else maps
                self.features.add_module(f"transition{number}", _transition(maps, out, norm))
                maps = out
        self.features.add_module("norm5", of_maps(maps, norm=norm))
        self.classifier = nn.Linear(maps, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b k"]:
        """Logits."""
        return self.classifier(relu(self.features(x)).mean((2, 3)))

    def trunk(self) -> list[nn.Module]:
        """The layers that make maps, in order (`stages`)."""
        return [*self.features, Activation("relu")]


class Layer(nn.Module):
    """A layer of a block: its input concatenated with its own maps."""

    def __init__(self, into: int, growth: int, norm: Maps, /, *, bottleneck: bool):
        super().__init__()
        self.bottleneck = bottleneck
        narrow = 4 * growth if bottleneck else growth
        self.norm1 = of_maps(into, norm=norm)
        self.conv1 = nn.Conv2d(into, narrow, *((1,) if bottleneck else (3, 1, 1)), bias=False)
        if bottleneck:
            self.norm2 = of_maps(narrow, norm=norm)
            self.conv2 = nn.Conv2d(narrow, growth, 3, padding=1, bias=False)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b d y x"]:
        """From c to d maps, the first c of them unchanged."""
        y = self.conv1(relu(self.norm1(x)))
        if self.bottleneck:
            y = self.conv2(relu(self.norm2(y)))
        return torch.cat([x, y], 1)


def _counts(depth: int, bottleneck: bool) -> tuple[int, ...]:
    """How many layers each block has."""
    if bottleneck and depth in FOUR_BLOCKS:
        return FOUR_BLOCKS[depth]
    step = 6 if bottleneck else 3
    if depth < step + 4 or (depth - 4) % step:
        known = ", ".join(str(step * count + 4) for count in (1, 6, 12, 16, 31))
        raise UsageError(
            f"densenet: no network has depth={depth} with bottleneck={str(bottleneck).lower()}; "
            + ("expected one of 121, 161, 169, 201, or " if bottleneck else "expected ")
            + f"{step}n+4 for small images: {known}, ..."
        )
    return ((depth - 4) // step,) * 3


def _stem(channels: int, maps: int, norm: Maps, /, *, large: bool) -> nn.Sequential:
    stem = nn.Sequential()
    if not large:
        stem.add_module("conv0", nn.Conv2d(channels, maps, 3, padding=1, bias=False))
        return stem
    stem.add_module("conv0", nn.Conv2d(channels, maps, 7, stride=2, padding=3, bias=False))
    stem.add_module("norm0", of_maps(maps, norm=norm))
    stem.add_module("relu0", Activation("relu"))
    stem.add_module("pool0", nn.MaxPool2d(3, stride=2, padding=1))
    return stem


def _transition(into: int, out: int, norm: Maps, /) -> nn.Sequential:
    """Fewer maps, half as high and wide."""
    transition = nn.Sequential()
    transition.add_module("norm", of_maps(into, norm=norm))
    transition.add_module("relu", Activation("relu"))
    transition.add_module("conv", nn.Conv2d(into, out, 1, bias=False))
    transition.add_module("pool", nn.AvgPool2d(2, stride=2))
    return transition
