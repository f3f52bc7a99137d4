"""The parts of LeNet-5 that were in the paper and are no longer built: see `lenet5`."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

TABLE = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (4, 5, 0), (5, 0, 1)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (3, 4, 5, 0), (4, 5, 0, 1), (5, 0, 1, 2)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)
"""Table I of the paper: the maps of S2 that each of C3's 16 maps sees, 60 pairs in all."""

PICTURES = """
..###.. ...#... .#####. .#####. ....##. ####### ..####. ####### .#####. .#####.
.#...#. ..##... #.....# #.....# ...#.#. #...... .#..... ......# #.....# #.....#
#.....# .#.#... ......# ......# ..#..#. #...... #...... ......# #.....# #.....#
#.....# ...#... ......# ......# ..#..#. #...... #...... .....#. #.....# #.....#
#.....# ...#... .....#. ......# .#...#. ######. #...... .....#. .#...#. #.....#
#.....# ...#... ....#.. ..####. .#...#. ......# #.####. ....#.. ..###.. .######
#.....# ...#... ...#... ......# #....#. ......# ##....# ....#.. .#...#. ......#
#.....# ...#... ..#.... ......# ####### ......# #.....# ...#... #.....# ......#
#.....# ...#... .#..... ......# .....#. ......# #.....# ...#... #.....# ......#
#.....# ...#... #...... ......# .....#. ......# #.....# ..#.... #.....# ......#
.#...#. ...#... #...... #.....# .....#. #.....# #.....# ..#.... #.....# .....#.
..###.. .#####. ####### .#####. .....#. .#####. .#####. ..#.... .#####. .####..
"""
"""The digits as 7x12 pictures: the targets of F6's 84 units, +1 where there is ink, else -1."""


class Subsampling(nn.Module):
    """Halves a map: the sum of 2x2 pixels, times the map's weight, plus its bias.

    Args:
        channels: maps. The weights start at 1/4, which makes it the average.
    """

    def __init__(self, channels: int, /):
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels, 1, 1), 0.25))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c ..."]:
        """From y x pixels to y/2 x/2."""
        return self.weight * (4 * F.avg_pool2d(x, 2)) + self.bias


class SparseConvolution(nn.Module):
    """C3: a 5x5 convolution from 6 to 16 maps that has weights only for the pairs of `TABLE`."""

    place: Tensor

    def __init__(self) -> None:
        super().__init__()
        owner = [out for out, row in enumerate(TABLE) for _ in row]
        bound = torch.tensor([(25 * len(row)) ** -0.5 for row in TABLE])  # as torch's Conv2d
        self.weight = nn.Parameter((2 * torch.rand(60, 5, 5) - 1) * bound[owner].view(-1, 1, 1))
        self.bias = nn.Parameter((2 * torch.rand(16) - 1) * bound)
        place = torch.full((16, 6), 60)  # a pair without a weight points past the last
        place[owner, [into for row in TABLE for into in row]] = torch.arange(60)
        self.register_buffer("place", place, persistent=False)

    def forward(self, x: Float[Tensor, "b 6 y x"]) -> Float[Tensor, "b 16 ..."]:
        """An ordinary convolution whose absent weights are zero."""
        with_zero = F.pad(self.weight, (0, 0, 0, 0, 0, 1))
        return F.conv2d(x, with_zero[self.place], self.bias)


class Distance(nn.Module):
    """The output: minus the squared distance of F6 to each digit's picture, which is fixed."""

    pictures: Tensor

    def __init__(self, classes: int, /):
        super().__init__()
        rows = [line.split() for line in PICTURES.split("\n") if line]
        ink = [[pixel == "#" for row in rows for pixel in row[digit]] for digit in range(classes)]
        self.register_buffer("pictures", torch.tensor(ink) * 2.0 - 1.0, persistent=False)

    def forward(self, x: Float[Tensor, "b 84"]) -> Float[Tensor, "b k"]:
        """Logits: largest where F6 resembles the picture most."""
        return -(x.unsqueeze(1) - self.pictures).square().sum(2)
