"""SRResNet: many residual blocks on the small picture, then a pixel shuffle for each doubling.

    h0 = PReLU(conv9(x))
    h = h0 + BN(conv3(blocks(h0))),    block(h) = h + BN(conv3(PReLU(BN(conv3(h)))))

Each doubling is a convolution to four times the channels, a pixel shuffle and a PReLU; the last
convolution of 9 by 9 makes the picture.

Shapes: small pictures `b c y x`, whole ones `b c sy sx`, s a power of 2.

Departures: trained by the squared error of pixels alone (the paper's SRResNet-MSE).

References:
    Christian Ledig and others. Photo-realistic single image super-resolution using a generative
    adversarial network. CVPR 2017. https://arxiv.org/abs/1609.04802

>>> import torch
>>> SRResNet(channels=1, width=4, depth=1)(torch.rand(2, 1, 14, 14)).shape
torch.Size([2, 1, 56, 56])
"""

from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.generative.restoration.enlarging import factor

CARD = Card(
    name="srresnet",
    kind="model",
    entry="SRResNet",
    nodes=("gan/applications",),
    title="SRResNet",
    zh="SRResNet（残差超分辨率网络）",
    paper="Photo-realistic single image super-resolution using a generative adversarial network",
    year=2017,
    url="https://arxiv.org/abs/1609.04802",
    proofs=("law: blocks whose last normalisation is 0 leave the first features as they are",),
    tiny={"channels": 1, "width": 4, "depth": 1},
    objective="restore",
    answers="restore",
)


class SRResNet(nn.Module):
    """Residual blocks and pixel shuffles.

    Args:
        channels: of the pictures.
        width: channels of the features.
        depth: residual blocks.
        degradation: what it undoes, `smaller` by a power of 2.

    Raises:
        UsageError: another factor or degradation.
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        width: int = 64,
        depth: int = 16,
        degradation: str | Spec = "smaller:scale=4",
    ):
        super().__init__()
        scale = factor(degradation)
        if scale & (scale - 1):
            raise UsageError(f"scale={scale}: srresnet doubles sides; expected 2, 4, 8, ...")
        self.first = nn.Sequential(nn.Conv2d(channels, width, 9, padding=4), nn.PReLU())
        self.blocks = nn.Sequential(
            *(Block(width) for _ in range(depth)),
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
        )
        doublings = [
            part
            for _ in range(scale.bit_length() - 1)
            for part in (
                nn.Conv2d(width, 4 * width, 3, padding=1),
                nn.PixelShuffle(2),
                nn.PReLU(),
            )
        ]
        self.last = nn.Sequential(*doublings, nn.Conv2d(width, channels, 9, padding=4))

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y2 x2"]:
        """Whole pictures."""
        start = self.first(x)
        return self.last(start + self.blocks(start))


class Block(nn.Module):
    """Two convolutions beside an identity."""

    def __init__(self, width: int, /):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.PReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """Features of the same shape."""
        return x + self.layers(x)
