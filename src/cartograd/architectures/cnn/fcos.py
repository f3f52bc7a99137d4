"""FCOS: a box from each position of the maps, without anchors to begin from.

The maps of a convolutional classifier at several sizes become a pyramid: coarse ones, which know
what is there, are doubled and added to fine ones, which know where. On each level the same head
looks at each position and says how likely each class is, how far the four sides of the thing around
it are, and how near its middle the position is: boxes seen from the edge are poor, and count less.
Small things are learned on fine levels, large ones on coarse ones.

    p_s = c_s,    p_i = c_i + double p_(i+1),    c_i: 1x1 convolution of the stage's maps
    left, top, right, bottom of a position (x, y): x - l, y - t, x + r, y + b,
    (l, t, r, b) = stride softplus(scale_i z),    middle = sqrt(min(l, r)/max(l, r) min(t, b)/...)

Shapes: input `b c y x` with y = x; `b q n`, n = 5 + classes: corners as shares of the picture, the
logit of the middle, a logit for each class. Overlaps are sorted out by whoever reads the answer
(`core.detections`), so that the network itself is exported.

Departures: levels are the classifier's own from a stride of 4 on, not 8 to 128; the largest
distance of a level is 4 strides, not 8; softplus in place of the exponential; the heads are
normalised in groups, and two convolutions deep where the paper's are four; the middle is seen from
the branch of the sides, as in the authors' later code.

References:
    Zhi Tian, Chunhua Shen, Hao Chen, Tong He. FCOS: fully convolutional one-stage object detection.
    ICCV 2019. https://arxiv.org/abs/1904.01355
    Tsung-Yi Lin et al. Feature pyramid networks for object detection. CVPR 2017.
    https://arxiv.org/abs/1612.03144

>>> model = FCOS(encoder="resnet18:width=8", width=16, size=64, classes=3)
>>> model(torch.zeros(1, 3, 64, 64)).shape
torch.Size([1, 320, 8])
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.architectures.cnn.stages import stages
from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.training.normalization.layers import of_maps

CARD = Card(
    name="fcos",
    kind="model",
    entry="FCOS",
    nodes=("metric/map",),
    title="FCOS, a detector without anchors",
    zh="FCOS 无锚框目标检测",
    paper="FCOS: fully convolutional one-stage object detection",
    year=2019,
    url="https://arxiv.org/abs/1904.01355",
    proofs=(
        "law: moved by a stride, a picture's boxes are moved by as much",
        "law: it stands on the maps of resnet, vgg and alexnet, and says what it cannot stand on",
    ),
    tiny={"encoder": "resnet:depth=8,width=4", "width": 8, "channels": 1, "size": 16, "classes": 3},
)

FINEST = 4
"""The stride from which on a level is looked at."""

REACH = 4.0
"""The largest distance of a level's positions to a side, in strides."""

RARE = 0.01
"""How likely a class is at a position before anything has been learned."""


class FCOS(nn.Module):
    """A detector on the maps of a classifier.

    Args:
        encoder: spec of a convolutional classifier whose maps are taken, like `resnet18`.
        width: channels of the pyramid and of the heads; the paper's 256.
        depth: convolutions of a head before its last; the paper's 4.
        channels, size: of the input image.
        classes: number of classes.

    Attributes:
        positions: of each box the middle of its position, the stride, and the least and largest
            distance to a side that it is to learn, as shares of the picture.

    Raises:
        UsageError: the encoder has no maps of several sizes, or none coarse enough.
    """

    positions: Tensor

    def __init__(
        self,
        *,
        encoder: str = "resnet18",
        width: int = 64,
        depth: int = 2,
        channels: int = 3,
        size: int = 96,
        classes: int = 1,
    ):
        super().__init__()
        network = build(encoder, kind="model", channels=channels, size=size, classes=classes)
        self.encoder = stages(network, channels=channels, size=size)
        sides = _sides(self.encoder, channels, size)
        self.first = next((i for i, side in enumerate(sides) if side * FINEST <= size), len(sides))
        if self.first == len(sides):
            raise UsageError(
                f"fcos: the maps of encoder={encoder} are never a quarter of a picture of {size} "
                "pixels; take a deeper one, such as resnet18"
            )
        levels = sides[self.first :]
        self.beside = nn.ModuleList(
            nn.Conv2d(own, width, 1) for own in self.encoder.widths[self.first :]
        )
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in levels)
        self.classes, self.sides = _head(width, depth), _head(width, depth)
        self.kind = nn.Conv2d(width, classes, 3, padding=1)
        self.where = nn.Conv2d(width, 5, 3, padding=1)
        self.scale = nn.Parameter(torch.ones(len(levels)))
        if self.kind.bias is not None:
            nn.init.constant_(self.kind.bias, -math.log((1 - RARE) / RARE))
        for last in (self.kind, self.where):
            nn.init.normal_(last.weight, std=0.01)
        self.register_buffer("positions", _positions(levels), persistent=False)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b q n"]:
        """Corners, the middle and the classes of each position."""
        maps = self.encoder(x)[self.first :]
        pyramid, above = [], None
        for level in range(len(maps) - 1, -1, -1):
            own = self.beside[level](maps[level])
            if above is not None:
                own = own + F.interpolate(above, size=own.shape[2:], mode="nearest")
            above = own
            pyramid.insert(0, self.smooth[level](own))
        rows = [self._boxes(level, own) for level, own in enumerate(pyramid)]
        found = torch.cat(rows, 1)
        middle, stride = self.positions[:, :2], self.positions[:, 2:3]
        corners = torch.cat(
            [middle - stride * found[..., :2], middle + stride * found[..., 2:4]], 2
        )
        return torch.cat([corners, found[..., 4:]], 2)

    def _boxes(self, level: int, maps: Tensor) -> Tensor:
        """Distances in strides, middle and classes of a level's positions, `b q n`."""
        where = self.where(self.sides(maps))
        distances = F.softplus(self.scale[level] * where[:, :4])
        kinds = self.kind(self.classes(maps))
        return torch.cat([distances, where[:, 4:], kinds], 1).flatten(2).mT


def _head(width: int, depth: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(depth):
        convolution = nn.Conv2d(width, width, 3, padding=1, bias=False)
        layers += [convolution, of_maps(width, norm="group"), nn.ReLU()]
    return nn.Sequential(*layers)


def _sides(encoder: nn.Module, channels: int, size: int) -> list[int]:
    """How high the maps of each stage are."""
    was = encoder.training
    with torch.no_grad():
        encoder.eval()
        found = [maps.shape[2] for maps in encoder(torch.zeros(1, channels, size, size))]
    encoder.train(was)
    return found


def _positions(levels: list[int]) -> Float[Tensor, "q n"]:
    """Middles, stride, least and largest distance of the positions of all levels, as shares."""
    found = []
    for number, side in enumerate(levels):
        at = (torch.arange(side) + 0.5) / side
        y, x = torch.meshgrid(at, at, indexing="ij")
        least = 0.0 if number == 0 else REACH / levels[number - 1]
        most = math.inf if number == len(levels) - 1 else REACH / side
        limits = torch.tensor([1 / side, least, most]).expand(side * side, 3)
        found.append(torch.cat([torch.stack([x.flatten(), y.flatten()], 1), limits], 1))
    return torch.cat(found)
