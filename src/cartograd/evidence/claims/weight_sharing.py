"""The weights of a convolution, and of dense layers that would do its work."""

import torch
from torch import nn

from cartograd.evidence.claim import Claim, Curve, Measured

CLAIM = Claim(
    id="weight-sharing",
    place="cnn/conv",
    en="Convolution shares weights",
    zh="参数共享减少参数",
    hypothesis="On an image of 32x32x3 a convolution of 64 kernels of 3x3 has 1,728 weights, fewer "
    "than the 196,608 of a dense layer of 64 units, and fewer by far than a dense layer with as "
    "many outputs as the convolution has.",
    rule=(
        "every weights off the notes' 1,728 <= 0",
        "every weights off the notes' 196,608 <= 0",
        "every convolution / dense, 64 units < 1",
        "every convolution / dense, as many outputs < 1",
    ),
    exact=True,
    remark="The notes set 1,728 beside 196,608 as if both gave the same. The dense layer of 64 "
    "units gives 64 numbers and the convolution 57,600; a dense layer with these needs 176,947,200 "
    "weights, 102,400 times as many.",
    draw=("convolution", "dense, 64 units", "dense, as many outputs"),
    axes=("rows of the image", "weights"),
    scale="y",
)
SIDES = (8, 16, 32, 64)


def measure(seed: int, /) -> Measured:
    """Counts for 32 rows, and along the image's size."""
    counts = {side: _counts(side) for side in SIDES}
    names = CLAIM.draw
    shared, narrow, full = counts[32]
    return {
        "weights off the notes' 1,728": abs(shared - 1728),
        "weights off the notes' 196,608": abs(narrow - 196_608),
        "convolution / dense, 64 units": shared / narrow,
        "convolution / dense, as many outputs": shared / full,
    } | {
        name: Curve([float(side) for side in SIDES], [float(counts[side][i]) for side in SIDES])
        for i, name in enumerate(names)
    }


def _counts(side: int) -> tuple[int, int, int]:
    """Weights of the convolution, of 64 dense units, and of as many as it has outputs."""
    with torch.device("meta"):
        convolution = nn.Conv2d(3, 64, 3, bias=False)
        image = torch.empty(1, 3, side, side)
        outputs = convolution(image).numel()
        dense = [nn.Linear(image.numel(), units, bias=False) for units in (64, outputs)]
    return convolution.weight.numel(), dense[0].weight.numel(), dense[1].weight.numel()
