"""ESPCN: convolutions on the small picture, whose channels become the pixels of a large one.

All features are computed at the small size, s^2 times cheaper than after enlarging. The last
convolution has s^2 channels for each of the picture's, which are laid out as squares of s by s
pixels (pixel shuffle):

    whole[c, s y + i, s x + j] = last[c s^2 + s i + j, y, x]

Shapes: small pictures `b c y x`, whole ones `b c sy sx`.

Departures: none.

References:
    Wenzhe Shi and others. Real-time single image and video super-resolution using an efficient
    sub-pixel convolutional neural network. CVPR 2016. https://arxiv.org/abs/1609.05158

>>> import torch
>>> ESPCN(width=8)(torch.rand(2, 1, 14, 14)).shape
torch.Size([2, 1, 28, 28])
"""

from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.spec import Spec
from cartograd.generative.restoration.enlarging import factor

CARD = Card(
    name="espcn",
    kind="model",
    entry="ESPCN",
    nodes=("gan/applications",),
    title="ESPCN",
    zh="亚像素卷积超分辨率网络",
    paper="Real-time single image and video super-resolution using an efficient sub-pixel "
    "convolutional neural network",
    year=2016,
    url="https://arxiv.org/abs/1609.05158",
    proofs=("oracle: torch.nn.functional.pixel_shuffle, bit for bit",),
    tiny={"channels": 1, "width": 4},
    objective="restore",
    answers="restore",
    evidence={
        "gan/applications": (
            "test_pixel_shuffle_is_torchs",
            "test_known_pixels_stay_bit_for_bit",
            "acceptance:super-resolution",
            "acceptance:inpainting",
            "acceptance:sketches",
            "acceptance:augmentation-by-samples",
        ),
    },
)


class ESPCN(nn.Module):
    """Three convolutions and a pixel shuffle.

    Args:
        channels: of the pictures.
        width: channels after the first convolution; half of them after the second.
        degradation: what it undoes, `smaller` by a factor.
    """

    def __init__(
        self,
        *,
        channels: int = 1,
        width: int = 64,
        degradation: str | Spec = "smaller:scale=2",
    ):
        super().__init__()
        self.scale = factor(degradation)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 5, padding=2),
            nn.Tanh(),
            nn.Conv2d(width, width // 2, 3, padding=1),
            nn.Tanh(),
            nn.Conv2d(width // 2, channels * self.scale**2, 3, padding=1),
        )

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y2 x2"]:
        """Whole pictures."""
        return shuffled(self.layers(x), self.scale)


def shuffled(x: Float[Tensor, "b k y x"], scale: int, /) -> Float[Tensor, "b c y2 x2"]:
    """Every s^2 channels laid out as squares of s by s pixels."""
    b, channels, height, width = x.shape
    squares = x.reshape(b, channels // scale**2, scale, scale, height, width)
    return squares.permute(0, 1, 4, 2, 5, 3).reshape(b, -1, height * scale, width * scale)
