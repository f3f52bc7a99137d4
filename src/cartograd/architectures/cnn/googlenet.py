"""GoogLeNet: 22 layers of modules with several kernel sizes in parallel.

An Inception module runs 1x1, 3x3 and 5x5 convolutions and a pooling in parallel and concatenates
their maps. 1x1 convolutions before the large ones reduce the channels, which is why the network has
few parameters. Two auxiliary heads half-way down help the gradient to reach the early layers in
training; they are not used afterwards.

    y = [C1x1 x, C3x3 C1x1 x, C5x5 C1x1 x, C1x1 P x]

The default is the form with batch normalisation of today's libraries, whose "5x5" branch has a 3x3
kernel. `googlenet-2014` is the paper's: true 5x5 branches, biases, no batch normalisation, and the
local response normalisation of AlexNet after the first and the third convolution.

Shapes: input `b c y x`; logits `b k`. With auxiliary heads a training pass gives three logits: the
network's, the later head's and the earlier one's, whose losses `classify` adds. Images of 64 pixels
and less keep their size up to the second of the four poolings.

Departures: as torchvision, except that weights start from He's normal distribution (fan-out). The
paper's auxiliary heads average 5x5 positions, here the map is averaged to 4x4 (adaptively).

References:
    Christian Szegedy et al. Going deeper with convolutions. 2014, CVPR 2015.
    https://arxiv.org/abs/1409.4842

>>> import torch
>>> with torch.device("meta"):
...     model = GoogLeNet()
>>> sum(weight.numel() for weight in model.parameters())
6624904
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.cnn.alexnet import ResponseNorm
from cartograd.core.card import Card
from cartograd.foundations.activations.relu import relu
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="googlenet",
    kind="model",
    entry="GoogLeNet",
    nodes=("arch/googlenet",),
    title="GoogLeNet (Inception v1)",
    zh="GoogLeNet (Inception v1)",
    paper="Going deeper with convolutions",
    year=2014,
    url="https://arxiv.org/abs/1409.4842",
    proofs=(
        "oracle: torchvision.models.googlenet with the same weights, outputs of all heads and "
        "gradients to 1e-10 in float64",
        "law: in the paper's form the large branch sees 5x5 places",
        "paper: 6,624,904 parameters (13,004,888 with side heads), 1.498 G multiply-adds; the "
        "paper's form 6,998,552 (13,378,280)",
    ),
    evidence={
        "arch/googlenet": (
            "test_published_parameters_and_multiply_adds",
            "test_equals_torchvision_with_gradients",
        ),
    },
    tiny={"width": 4, "channels": 3, "size": 8, "classes": 3, "dropout": 0.0},
    renamed={"auxiliary": "aux_logits"},
)

PRESETS = {
    "googlenet-auxiliary": {"aux_logits": True},
    "googlenet-2014": {"batch_norm": False, "dropout": 0.4},
    "googlenet-2014-auxiliary": {"batch_norm": False, "dropout": 0.4, "aux_logits": True},
}

MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""The paper's table 1: maps of 1x1; before and after 3x3; before and after 5x5; after pooling."""


class GoogLeNet(nn.Module):
    """Nine Inception modules, with torchvision's parameter names.

    Args:
        width: maps of the first convolution; the paper's 64. All others scale with it.
        channels, size: of the input image; the size chooses the stem.
        classes: number of classes.
        batch_norm: today's form; without, the paper's.
        aux_logits: with two auxiliary heads.
        dropout: probability that an input of the last layer is set to zero; 0.7 in the auxiliary
            heads, where there is any.
    """

    def __init__(
        self,
        *,
        width: int = 64,
        channels: int = 3,
        size: int = 224,
        classes: int = 1000,
        batch_norm: bool = True,
        aux_logits: bool = False,
        dropout: float = 0.2,
    ):
        super().__init__()
        large = size > 64

        def maps(count: int) -> int:
            return max(1, count * width // 64)

        def norm() -> nn.Module:
            return nn.Identity() if batch_norm else ResponseNorm()

        def halve() -> nn.Module:
            return nn.MaxPool2d(3, 2, ceil_mode=True)

        first: dict[str, Any] = {"kernel": 7, "stride": 2} if large else {"kernel": 3}
        self.conv1 = Convolution(channels, width, **first, batch_norm=batch_norm)
        self.maxpool1 = nn.Sequential(halve() if large else nn.Identity(), norm())
        self.conv2 = Convolution(width, width, batch_norm=batch_norm)
        self.conv3 = Convolution(width, maps(192), kernel=3, batch_norm=batch_norm)
        self.maxpool2 = nn.Sequential(norm(), halve())
        into = {"": maps(192)}
        for name, table in MODULES.items():
            module = Inception(list(into.values())[-1], *map(maps, table), batch_norm=batch_norm)
            self.add_module(f"inception{name}", module)
            into[name] = module.out
        self.maxpool3 = halve()
        self.maxpool4 = nn.MaxPool2d(2, 2, ceil_mode=True) if batch_norm else halve()
        self.aux_logits = aux_logits
        if aux_logits:
            side: dict[str, Any] = {
                "units": maps(1024),
                "batch_norm": batch_norm,
                "dropout": dropout and 0.7,
            }
            self.aux1 = SideHead(into["4a"], maps(128), classes, **side)
            self.aux2 = SideHead(into["4d"], maps(128), classes, **side)
        self.dropout = Dropout(dropout=dropout)
        self.fc = nn.Linear(into["5b"], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(
        self, x: Float[Tensor, "b c y x"]
    ) -> Float[Tensor, "b k"] | tuple[Float[Tensor, "b k"], ...]:
        """Logits; in training with auxiliary heads also the later and the earlier head's."""
        x = self.maxpool2(self.conv3(self.conv2(self.maxpool1(self.conv1(x)))))
        x = self.maxpool3(self._through(x, "3a", "3b"))
        early = self._through(x, "4a")
        late = self._through(early, "4b", "4c", "4d")
        x = self.maxpool4(self._through(late, "4e"))
        x = self._through(x, "5a", "5b")
        answer = self.fc(self.dropout(x.mean((2, 3))))
        if not (self.aux_logits and self.training):
            return answer
        return answer, self.aux2(late), self.aux1(early)

    def _through(self, x: Tensor, *names: str) -> Tensor:
        for name in names:
            x = self.get_submodule(f"inception{name}")(x)
        return x

    def trunk(self) -> list[nn.Module]:
        """The layers that make maps, in order (`stages`)."""
        stem = [self.conv1, self.maxpool1, self.conv2, self.conv3, self.maxpool2]
        pools = {"4a": self.maxpool3, "5a": self.maxpool4}
        modules = [(pools.get(name), self.get_submodule(f"inception{name}")) for name in MODULES]
        return [*stem, *(part for pair in modules for part in pair if part is not None)]


class Convolution(nn.Module):
    """A convolution that keeps the size at stride 1, batch normalisation or a bias, and ReLU."""

    def __init__(
        self,
        into: int,
        out: int,
        /,
        *,
        kernel: int | tuple[int, int] = 1,
        stride: int = 1,
        padding: int | tuple[int, int] | None = None,
        batch_norm: bool = True,
    ):
        super().__init__()
        y, x = (kernel, kernel) if isinstance(kernel, int) else kernel
        border = (y // 2, x // 2) if padding is None else padding
        self.conv = nn.Conv2d(into, out, (y, x), stride, border, bias=not batch_norm)
        self.bn = nn.BatchNorm2d(out, eps=1e-3) if batch_norm else nn.Identity()

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b d ..."]:
        """From c to d maps."""
        return relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    """Four branches, whose maps are concatenated."""

    def __init__(
        self,
        into: int,
        one: int,
        before3: int,
        three: int,
        before5: int,
        five: int,
        pooled: int,
        /,
        *,
        batch_norm: bool,
    ):
        super().__init__()
        self.out = one + three + five + pooled
        large = 3 if batch_norm else 5
        kind = {"batch_norm": batch_norm}
        self.branch1 = Convolution(into, one, **kind)
        self.branch2 = nn.Sequential(
            Convolution(into, before3, **kind), Convolution(before3, three, kernel=3, **kind)
        )
        self.branch3 = nn.Sequential(
            Convolution(into, before5, **kind), Convolution(before5, five, kernel=large, **kind)
        )
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), Convolution(into, pooled, **kind))

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b d y x"]:
        """From c to d maps of the same size."""
        branches = self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)
        return torch.cat(branches, 1)


class SideHead(nn.Module):
    """A small classifier on maps half-way down."""

    def __init__(
        self,
        into: int,
        maps: int,
        classes: int,
        /,
        *,
        units: int,
        batch_norm: bool,
        dropout: float,
    ):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.conv = Convolution(into, maps, batch_norm=batch_norm)
        self.fc1 = nn.Linear(maps * 16, units)
        self.dropout = Dropout(dropout=dropout)
        self.fc2 = nn.Linear(units, classes)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b k"]:
        """Logits."""
        x = self.conv(self.pool(x)).flatten(1)
        return self.fc2(self.dropout(relu(self.fc1(x))))
