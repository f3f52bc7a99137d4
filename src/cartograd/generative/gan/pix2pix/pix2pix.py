"""pix2pix's generator: a U-Net that makes a picture of another one of the same size.

Convolutions halve the picture until one pixel is left, transposed ones double it again. Each map on
the way up sees the one of its size from the way down, so that lines stay where they are.

    h_i = BN(conv4(LeakyReLU(h_(i-1)))),    up_i = BN(conv4^T(ReLU([up_(i+1), h_(i+1)])))

Shapes: pictures `b c y x`, and others of the same shape.

Departures: no tanh at the end, for pictures are standardised by their own mean and deviation. Sides
that are odd on the way down are made odd again on the way up. Dropout is the only noise, and it is
on in training alone. The innermost map, of one pixel, is not normalised.

References:
    Phillip Isola, Jun-Yan Zhu, Tinghui Zhou, Alexei Efros. Image-to-image translation with
    conditional adversarial networks. CVPR 2017. https://arxiv.org/abs/1611.07004
    Olaf Ronneberger, Philipp Fischer, Thomas Brox. U-Net: convolutional networks for biomedical
    image segmentation. MICCAI 2015. https://arxiv.org/abs/1505.04597

>>> import torch
>>> Pix2Pix(channels=1, size=28, width=4)(torch.rand(2, 1, 28, 28)).shape
torch.Size([2, 1, 28, 28])
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.core.spec import Spec
from cartograd.generative.gan.generator import started
from cartograd.generative.gan.patch_critic import SLOPE

CARD = Card(
    name="pix2pix",
    kind="model",
    entry="Pix2Pix",
    nodes=("gan/applications",),
    title="pix2pix (U-Net)",
    zh="pix2pix 图像翻译网络",
    paper="Image-to-image translation with conditional adversarial networks",
    year=2017,
    url="https://arxiv.org/abs/1611.07004",
    proofs=(
        "paper: the U-Net for 256 by 256 has 54.414 million weights",
        "law: what is seen comes through at its place, past the innermost map",
    ),
    tiny={"channels": 1, "size": 8, "width": 2, "degradation": "edges"},
    objective="pix2pix-game",
    answers="restore",
)

WIDEST = 8
"""Maps have at most so many times the channels of the first."""
DROPPED = 3
"""So many of the innermost maps are dropped out in part, on the way up."""


class Pix2Pix(nn.Module):
    """A U-Net down to one pixel.

    Args:
        channels: of the pictures.
        size: their height and width.
        width: channels at half the size.
        dropout: share of the innermost maps on the way up.
        degradation: what is done to pictures to get those that it sees.

    Raises:
        UsageError: pictures that cannot be halved twice, or that are seen in another size.
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        size: int,
        width: int = 64,
        dropout: float = 0.5,
        degradation: str | Spec = "edges",
    ):
        super().__init__()
        times = size.bit_length() - 1
        if times < 2:
            raise UsageError(f"size={size}: pix2pix halves pictures twice at least; expected >= 4")
        whole = Port("image", "image", (channels, size, size))
        if build(degradation, kind="degradation").port(whole).dims != whole.dims:
            raise UsageError(
                f"degradation={degradation} changes the size of pictures, and pix2pix does not; "
                "expected edges or the like"
            )
        widths = [width * min(2**i, WIDEST) for i in range(times)]
        self.odd = [(size >> i) % 2 for i in range(times)]
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        for level, own in enumerate(widths):
            first, last = level == 0, level == times - 1
            before = channels if first else widths[level - 1]
            down: list[nn.Module] = [] if first else [nn.LeakyReLU(SLOPE)]
            down.append(nn.Conv2d(before, own, 4, stride=2, padding=1, bias=False))
            down += [] if first or last else [nn.BatchNorm2d(own)]
            up: list[nn.Module] = [nn.ReLU(), _doubled(own, last, before, first, self.odd[level])]
            up += [] if first else [nn.BatchNorm2d(before)]
            up += [nn.Dropout(dropout)] if times - 1 - DROPPED <= level < times - 1 > 3 else []
            self.down.append(nn.Sequential(*down))
            self.up.append(nn.Sequential(*up))
        started(self)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """The other pictures."""
        seen: list[Tensor] = []
        for layer in self.down:
            x = layer(x)
            seen.append(x)
        *others, x = seen
        for layer, other in zip(self.up[:0:-1], reversed(others), strict=True):
            x = torch.cat([layer(x), other], dim=1)
        return self.up[0](x)


def _doubled(own: int, last: bool, after: int, first: bool, odd: int) -> nn.ConvTranspose2d:
    """A transposed convolution of a map and, but for the innermost, of the one beside it."""
    return nn.ConvTranspose2d(
        own if last else 2 * own, after, 4, stride=2, padding=1, output_padding=odd, bias=first
    )
