"""Context encoder: what is missing in the middle of a picture is guessed from what is around it.

Convolutions halve the picture twice. One dense layer for each channel then carries what is known
to where it is not, and transposed convolutions make a picture of it again. Only the hole is taken
from that; known pixels come out as they went in.

Shapes: pictures with a hole and whole ones `b c y x`, sides of which 4 is a divisor.

Departures: no adversarial loss; a network for small pictures, and no AlexNet. Whatever the hole of
a picture holds is blanked out, and what is left is standardised inside the network: outside, known
pixels would not come back bit for bit.

References:
    Deepak Pathak and others. Context encoders: feature learning by inpainting. CVPR 2016.
    https://arxiv.org/abs/1604.07379

>>> import torch
>>> x = torch.rand(2, 1, 28, 28)
>>> bool((ContextEncoder(size=28, width=8)(x)[..., 0, :] == x[..., 0, :]).all())
True
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec

CARD = Card(
    name="context-encoder",
    kind="model",
    entry="ContextEncoder",
    nodes=("gan/applications",),
    title="Context encoder",
    zh="上下文编码器",
    paper="Context encoders: feature learning by inpainting",
    year=2016,
    url="https://arxiv.org/abs/1604.07379",
    proofs=("law: known pixels are bit for bit those of the input, whatever the hole holds",),
    tiny={"channels": 1, "size": 8, "width": 4, "degradation": "hole:size=4"},
    objective="restore",
    answers="restore",
)

START = 0.02
"""Standard deviation of the dense layers' weights at first: larger ones drown what is learned."""


class ContextEncoder(nn.Module):
    """Convolutions, dense layers for each channel, and transposed convolutions.

    Args:
        channels: of the pictures.
        size: their height and width.
        width: channels at half the size; twice as many at a quarter.
        degradation: what it fills, a `hole`.

    Raises:
        UsageError: sides that cannot be halved twice, or another degradation.
    """

    def __init__(
        self,
        *,
        channels: int = 1,
        size: int,
        width: int = 32,
        degradation: str | Spec = "hole:size=14",
    ):
        super().__init__()
        if Spec.parse(degradation).name != "hole":
            raise UsageError(
                f"degradation={degradation} leaves no hole; a context encoder fills hole:size=14 "
                "and the like"
            )
        if size % 4:
            raise UsageError(
                f"size={size}: a context encoder halves pictures twice; expected a multiple of 4"
            )
        self.hole = build(degradation, kind="degradation")
        self.encoder = nn.Sequential(
            nn.BatchNorm2d(channels, affine=False),
            nn.Conv2d(channels, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, stride=2, padding=1),
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(0.2),
        )
        self.across = Across(2 * width, (size // 4) ** 2)
        self.decoder = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(2 * width, 2 * width, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),
        )

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """Whole pictures."""
        hole = self.hole.inside(x)
        made = self.decoder(self.across(self.encoder(x.masked_fill(hole, 0))))
        return torch.where(hole, made, x)


class Across(nn.Module):
    """A dense layer over the places of each channel by itself."""

    def __init__(self, channels: int, places: int, /):
        super().__init__()
        self.weight = nn.Parameter(START * torch.randn(channels, places, places))
        self.bias = nn.Parameter(torch.zeros(channels, places, 1))

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """Maps of the same size."""
        moved = self.weight @ x.flatten(2).permute(1, 2, 0) + self.bias  # c p b
        return moved.permute(2, 0, 1).reshape(x.shape)
