"""Inception v3: large kernels factorised into small and asymmetric ones.

A 5x5 convolution becomes two of 3x3, and 7x7 a 1x7 and a 7x1: the same field for fewer weights.
Where maps halve in size, a strided convolution and a pooling run in parallel, so that there is no
bottleneck. One auxiliary head helps in training.

    1x7 then 7x1: 14 c^2 weights for a field of 7x7;  one 7x7: 49 c^2

Shapes: input `b c y x`, 299 pixels in the paper; logits `b k`. With the auxiliary head a training
pass gives two logits, the network's and the head's, whose losses `classify` adds. Images of 64
pixels and less keep their size in the stem, and later halvings count in the border.

Departures: as torchvision's, which has batch normalisation in the auxiliary head; weights start
from He's normal distribution (fan-out).

References:
    Christian Szegedy, Vincent Vanhoucke, Sergey Ioffe, Jonathon Shlens, Zbigniew Wojna.
    Rethinking the Inception architecture for computer vision. 2015, CVPR 2016.
    https://arxiv.org/abs/1512.00567

>>> import torch
>>> with torch.device("meta"):
...     model = InceptionV3()
>>> sum(weight.numel() for weight in model.parameters())
23834568
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.cnn.googlenet import Convolution
from cartograd.core.card import Card
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="inception-v3",
    kind="model",
    entry="InceptionV3",
    nodes=("arch/googlenet",),
    title="Inception v3",
    zh="Inception v3 网络",
    paper="Rethinking the Inception architecture for computer vision",
    year=2015,
    url="https://arxiv.org/abs/1512.00567",
    proofs=(
        "oracle: torchvision.models.inception_v3 with the same weights, outputs of both heads and "
        "gradients to 1e-10 in float64",
        "paper: 23,834,568 parameters (27,161,264 with the side head), 5.713 G multiply-adds at "
        "299 pixels",
    ),
    objective="classify:aux_weight=0.4",
    tiny={"width": 2, "channels": 3, "size": 8, "classes": 3, "dropout": 0.0},
    renamed={"auxiliary": "aux_logits"},
)

PRESETS = {
    "inception-v3-auxiliary": {"aux_logits": True},
}

Branch = tuple[tuple[int, int, int], ...]
"""Convolutions in a row: maps, rows and columns of the kernel."""


def _dense(pooled: int) -> dict[str, Branch]:
    return {
        "branch1x1": ((64, 1, 1),),
        "branch5x5": ((48, 1, 1), (64, 5, 5)),
        "branch3x3dbl": ((64, 1, 1), (96, 3, 3), (96, 3, 3)),
        "branch_pool": ((pooled, 1, 1),),
    }


def _long(maps: int) -> dict[str, Branch]:
    across, down = (maps, 1, 7), (maps, 7, 1)
    return {
        "branch1x1": ((192, 1, 1),),
        "branch7x7": ((maps, 1, 1), across, (192, 7, 1)),
        "branch7x7dbl": ((maps, 1, 1), down, across, down, (192, 1, 7)),
        "branch_pool": ((192, 1, 1),),
    }


HALVING = {
    "6a": {"branch3x3": ((384, 3, 3),), "branch3x3dbl": ((64, 1, 1), (96, 3, 3), (96, 3, 3))},
    "7a": {
        "branch3x3": ((192, 1, 1), (320, 3, 3)),
        "branch7x7x3": ((192, 1, 1), (192, 1, 7), (192, 7, 1), (192, 3, 3)),
    },
}
"""Modules whose last convolutions have stride 2, beside a pooling."""

FORKED = {
    "branch1x1": ((320, 1, 1),),
    "branch3x3": ((384, 1, 1), (384, 1, 3), (384, 3, 1)),
    "branch3x3dbl": ((448, 1, 1), (384, 3, 3), (384, 1, 3), (384, 3, 1)),
    "branch_pool": ((192, 1, 1),),
}
"""The last two modules, where the 1x3 and the 3x1 at a branch's end run side by side."""

MODULES = {
    "5b": _dense(32), "5c": _dense(64), "5d": _dense(64), "6a": HALVING["6a"],
    "6b": _long(128), "6c": _long(160), "6d": _long(160), "6e": _long(192),
    "7a": HALVING["7a"], "7b": FORKED, "7c": FORKED,
}  # fmt: skip


class InceptionV3(nn.Module):
    """Eleven modules, with torchvision's parameter names.

    Args:
        width: maps of the first convolution; the paper's 32. All others scale with it.
        channels, size: of the input image; the size chooses the stem.
        classes: number of classes.
        aux_logits: with an auxiliary head.
        dropout: probability that an input of the last layer is set to zero.
    """

    def __init__(
        self,
        *,
        width: int = 32,
        channels: int = 3,
        size: int = 299,
        classes: int = 1000,
        aux_logits: bool = False,
        dropout: float = 0.5,
    ):
        super().__init__()
        large = size > 64
        edge = 0 if large else 1

        def maps(count: int) -> int:
            return max(1, count * width // 32)

        def halve() -> nn.Module:
            return nn.MaxPool2d(3, 2) if large else nn.Identity()

        first: dict[str, Any] = {"kernel": 3, "stride": 2 if large else 1, "padding": edge}
        self.Conv2d_1a_3x3 = Convolution(channels, width, **first)
        self.Conv2d_2a_3x3 = Convolution(width, width, kernel=3, padding=edge)
        self.Conv2d_2b_3x3 = Convolution(width, maps(64), kernel=3)
        self.maxpool1 = halve()
        self.Conv2d_3b_1x1 = Convolution(maps(64), maps(80))
        self.Conv2d_4a_3x3 = Convolution(maps(80), maps(192), kernel=3, padding=edge)
        self.maxpool2 = halve()
        self.aux_logits = aux_logits
        into = maps(192)
        for name, table in MODULES.items():
            scaled = {
                branch: tuple((maps(count), y, x) for count, y, x in steps)
                for branch, steps in table.items()
            }
            module = Mixed(into, scaled, halving=name in HALVING, forked=table is FORKED, edge=edge)
            self.add_module(f"Mixed_{name}", module)
            into = module.out
            if aux_logits and name == "6e":
                self.AuxLogits = SideHead(into, maps(128), maps(768), classes, large=large)
        self.dropout = Dropout(dropout=dropout)
        self.fc = nn.Linear(into, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(
        self, x: Float[Tensor, "b c y x"]
    ) -> Float[Tensor, "b k"] | tuple[Float[Tensor, "b k"], ...]:
        """Logits; in training with the auxiliary head also the head's."""
        x = self.maxpool1(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = self.maxpool2(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        late = self._through(x, "5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e")
        x = self._through(late, "7a", "7b", "7c")
        answer = self.fc(self.dropout(x.mean((2, 3))))
        return (answer, self.AuxLogits(late)) if self.aux_logits and self.training else answer

    def _through(self, x: Tensor, *names: str) -> Tensor:
        for name in names:
            x = self.get_submodule(f"Mixed_{name}")(x)
        return x

    def trunk(self) -> list[nn.Module]:
        """The layers that make maps, in order (`stages`)."""
        first = [self.Conv2d_1a_3x3, self.Conv2d_2a_3x3, self.Conv2d_2b_3x3, self.maxpool1]
        then = [self.Conv2d_3b_1x1, self.Conv2d_4a_3x3, self.maxpool2]
        return [*first, *then, *(self.get_submodule(f"Mixed_{name}") for name in MODULES)]


class Mixed(nn.Module):
    """Parallel branches, whose maps are concatenated."""

    def __init__(
        self,
        into: int,
        branches: dict[str, Branch],
        /,
        *,
        halving: bool = False,
        forked: bool = False,
        edge: int = 0,
    ):
        super().__init__()
        self.halving, self.edge = halving, edge
        self.chains: dict[str, list[str]] = {}
        self.forks: dict[str, list[str]] = {}
        self.out = into if halving else 0
        for branch, steps in branches.items():
            fork = 2 if forked and len(steps) > 2 else 0
            names = _names(branch, len(steps), fork)
            before = into
            for number, (name, (out, y, x)) in enumerate(zip(names, steps, strict=True), start=1):
                last = halving and number == len(steps)
                strided: dict[str, Any] = {"stride": 2, "padding": edge} if last else {}
                self.add_module(name, Convolution(before, out, kernel=(y, x), **strided))
                before = before if fork and number > len(steps) - fork else out
            split = len(steps) - fork
            self.chains[branch], self.forks[branch] = names[:split], names[split:]
            self.out += sum(out for out, _, _ in steps[split:]) if fork else before

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b d ..."]:
        """From c to d maps."""
        stacked = []
        for branch, names in self.chains.items():
            y = F.avg_pool2d(x, 3, 1, 1) if branch == "branch_pool" else x
            for name in names:
                y = self.get_submodule(name)(y)
            ends = [self.get_submodule(name)(y) for name in self.forks[branch]]
            stacked += ends or [y]
        if self.halving:
            stacked.append(F.max_pool2d(x, 3, 2, self.edge))
        return torch.cat(stacked, 1)


class SideHead(nn.Module):
    """A small classifier on maps two thirds of the way down."""

    def __init__(self, into: int, maps: int, wide: int, classes: int, /, *, large: bool):
        super().__init__()
        self.pool = nn.AvgPool2d(5, 3) if large else nn.AdaptiveAvgPool2d(5)
        self.conv0 = Convolution(into, maps)
        self.conv1 = Convolution(maps, wide, kernel=5, padding=0)
        self.fc = nn.Linear(wide, classes)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b k"]:
        """Logits."""
        x = self.conv1(self.conv0(self.pool(x)))
        return self.fc(x.mean((2, 3)))


def _names(branch: str, count: int, fork: int) -> list[str]:
    """What torchvision calls the convolutions of a branch."""
    if count == 1:
        return [branch]
    chain = [f"{branch}_{number}" for number in range(1, count - fork + 1)]
    return chain + [f"{branch}_{count - fork + 1}{letter}" for letter in "ab"[:fork]]
