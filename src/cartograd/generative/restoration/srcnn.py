"""SRCNN: three convolutions sharpen a picture that was enlarged by interpolation.

The first takes patches of the enlarged picture apart into features, the second maps them to those
of a sharp one, the third puts overlapping patches together.

Shapes: small pictures `b c y x`, whole ones `b c sy sx`.

Departures: edges are filled up with zeros, so that the answer is as large as the whole picture.

References:
    Chao Dong, Chen Change Loy, Kaiming He, Xiaoou Tang. Image super-resolution using deep
    convolutional networks. IEEE TPAMI 38, 2016. https://arxiv.org/abs/1501.00092

>>> import torch
>>> SRCNN(width=8)(torch.rand(2, 1, 14, 14)).shape
torch.Size([2, 1, 28, 28])
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.spec import Spec
from cartograd.generative.restoration.enlarging import factor

CARD = Card(
    name="srcnn",
    kind="model",
    entry="SRCNN",
    nodes=("gan/applications",),
    title="SRCNN",
    zh="SRCNN 超分辨率",
    paper="Image super-resolution using deep convolutional networks",
    year=2016,
    url="https://arxiv.org/abs/1501.00092",
    proofs=(
        "paper: 8,032 weights of the 9-1-5 network and 57,184 of the 9-5-5, shifts not counted",
    ),
    tiny={"channels": 1, "width": 4},
    objective="restore",
    answers="restore",
)


class SRCNN(nn.Module):
    """Interpolation, then three convolutions.

    Args:
        channels: of the pictures.
        width: channels after the first convolution; half of them after the second.
        kernel_size: of the second convolution; 9 and 5 are those of the others.
        degradation: what it undoes, `smaller` by a factor.
    """

    def __init__(
        self,
        *,
        channels: int = 1,
        width: int = 64,
        kernel_size: int = 1,
        degradation: str | Spec = "smaller:scale=2",
    ):
        super().__init__()
        self.scale = factor(degradation)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 9, padding=4),
            nn.ReLU(),
            nn.Conv2d(width, width // 2, kernel_size, padding=kernel_size // 2),
            nn.ReLU(),
            nn.Conv2d(width // 2, channels, 5, padding=2),
        )

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y2 x2"]:
        """Whole pictures."""
        sides = [side * self.scale for side in x.shape[2:]]
        return self.layers(F.interpolate(x, size=sides, mode="bicubic"))
