"""The autoencoder of latent diffusion: pictures as small maps of codes, and back.

An encoder halves a picture three times and says of each number of the code a mean and how sure it
is of it; a decoder makes a picture of a code. Trained with a small divergence from the normal
distribution, and by what an eye sees, it leaves to diffusion what pictures mean.

    x -> (m, log s^2),    z = m + s noise,    z -> x

Shapes: pictures `b c y x` in [-1, 1], sides that can be halved so often; codes `b d y x`.

Departures: none from the sizes and the order of Stable Diffusion 1's.

References:
    Robin Rombach, Andreas Blattmann, Dominik Lorenz, Patrick Esser, Björn Ommer. High-resolution
    image synthesis with latent diffusion models. CVPR 2022. https://arxiv.org/abs/2112.10752
    Patrick Esser, Robin Rombach, Björn Ommer. Taming transformers for high-resolution image
    synthesis. CVPR 2021. https://arxiv.org/abs/2012.09841

>>> import torch
>>> with torch.device("meta"):
...     model = AutoencoderKL()
>>> sum(weight.numel() for weight in model.parameters())
83653863
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.core.card import Card
from cartograd.generative.diffusion.unet import Larger
from cartograd.generative.latent.residual import Residual

CARD = Card(
    name="autoencoder-kl",
    kind="layer",
    entry="AutoencoderKL",
    nodes=("diffusion/latent",),
    title="Autoencoder of latent diffusion",
    zh="潜在扩散的自编码器",
    paper="High-resolution image synthesis with latent diffusion models",
    year=2022,
    url="https://arxiv.org/abs/2112.10752",
    proofs=(
        "oracle: diffusers' AutoencoderKL with the same weights: mean, log-variance, picture and "
        "gradients to 1e-10 in float64, 1e-5 in float32",
        "paper: 83,653,863 parameters of Stable Diffusion 1.5",
    ),
    evidence={"diffusion/latent": ("test_the_published_autoencoder_has_its_count",)},
    tiny={"channels": 1, "latent": 1, "widths": (2, 4), "blocks": 1, "groups": 2},
)

EPS = 1e-6
"""Added to the variance of each norm."""

LEAST, MOST = -30.0, 20.0
"""What the logarithm of a variance is kept between."""


class AutoencoderKL(nn.Module):
    """Pictures to codes and back.

    Args:
        channels: of the pictures.
        latent: channels of a code.
        widths: channels at each size, each half the one before.
        blocks: residual blocks at each size of the encoder; one more of the decoder.
        groups: of channels that are normalised together.
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        latent: int = 4,
        widths: tuple[int, ...] = (128, 256, 512, 512),
        blocks: int = 2,
        groups: int = 32,
    ):
        super().__init__()
        self.latent, self.shrinks = latent, 2 ** (len(widths) - 1)
        self.encoder = Encoder(channels, 2 * latent, widths=widths, blocks=blocks, groups=groups)
        self.decoder = Decoder(latent, channels, widths=widths, blocks=blocks, groups=groups)
        self.said = nn.Conv2d(2 * latent, 2 * latent, 1)
        self.heard = nn.Conv2d(latent, latent, 1)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """The picture of each one's likeliest code."""
        return self.decode(self.posterior(x)[0])

    def posterior(
        self, x: Float[Tensor, "b c y x"], /
    ) -> tuple[Float[Tensor, "b d y2 x2"], Float[Tensor, "b d y2 x2"]]:
        """Mean and log-variance of the code of each picture."""
        mean, log_variance = self.said(self.encoder(x)).chunk(2, dim=1)
        return mean, log_variance.clamp(LEAST, MOST)

    def decode(self, z: Float[Tensor, "b d y x"], /) -> Float[Tensor, "b c y2 x2"]:
        """The picture of each code."""
        return self.decoder(self.heard(z))


class Encoder(nn.Module):
    """From a picture to what is said of its code.

    Args:
        channels: of the pictures.
        answers: channels of what is said.
        widths: channels at each size, each half the one before.
        blocks: residual blocks at each size.
        groups: of channels that are normalised together.
        attended: whether attention follows each block of the smallest size, as VQGAN has it.
    """

    def __init__(
        self,
        channels: int,
        answers: int,
        /,
        *,
        widths: tuple[int, ...],
        blocks: int,
        groups: int,
        attended: bool = False,
    ):
        super().__init__()
        self.first = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.down = nn.ModuleList()
        before = widths[0]
        for size, own in enumerate(widths):
            for _ in range(blocks):
                self.down.append(Residual(before, own, groups=groups, eps=EPS))
                if attended and size == len(widths) - 1:
                    self.down.append(Attended(own, groups=groups))
                before = own
            if size < len(widths) - 1:
                self.down.append(Smaller(own))
        self.middle = Middle(before, groups=groups)
        self.norm = nn.GroupNorm(groups, before, eps=EPS)
        self.last = nn.Conv2d(before, answers, 3, padding=1)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b d y2 x2"]:
        """Mean and log-variance, one behind the other."""
        h = self.first(x)
        for part in self.down:
            h = part(h)
        return self.last(F.silu(self.norm(self.middle(h))))


class Decoder(nn.Module):
    """From a code to a picture; its arguments are the encoder's, its sizes in the other order."""

    def __init__(
        self,
        latent: int,
        channels: int,
        /,
        *,
        widths: tuple[int, ...],
        blocks: int,
        groups: int,
        attended: bool = False,
    ):
        super().__init__()
        before = widths[-1]
        self.first = nn.Conv2d(latent, before, 3, padding=1)
        self.middle = Middle(before, groups=groups)
        self.up = nn.ModuleList()
        for size, own in reversed(list(enumerate(widths))):
            for _ in range(blocks + 1):
                self.up.append(Residual(before, own, groups=groups, eps=EPS))
                if attended and size == len(widths) - 1:
                    self.up.append(Attended(own, groups=groups))
                before = own
            if size:
                self.up.append(Larger(own, own))
        self.norm = nn.GroupNorm(groups, before, eps=EPS)
        self.last = nn.Conv2d(before, channels, 3, padding=1)

    def forward(self, z: Float[Tensor, "b d y x"]) -> Float[Tensor, "b c y2 x2"]:
        """The picture."""
        h = self.middle(self.first(z))
        for part in self.up:
            h = part(h)
        return self.last(F.silu(self.norm(h)))


class Middle(nn.Module):
    """At the smallest size: what is around each place, then all places, then around again."""

    def __init__(self, width: int, /, *, groups: int):
        super().__init__()
        self.before = Residual(width, width, groups=groups, eps=EPS)
        self.norm = nn.GroupNorm(groups, width, eps=EPS)
        self.attention = MultiHeadAttention(dim=width, heads=1)
        self.after = Residual(width, width, groups=groups, eps=EPS)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """A new map."""
        return self.after(looked_around(self.before(x), self.norm, self.attention))


class Attended(nn.Module):
    """What all places say is added to each."""

    def __init__(self, width: int, /, *, groups: int):
        super().__init__()
        self.norm = nn.GroupNorm(groups, width, eps=EPS)
        self.attention = MultiHeadAttention(dim=width, heads=1)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
        """A new map."""
        return looked_around(x, self.norm, self.attention)


def looked_around(
    x: Float[Tensor, "b c y x"], norm: nn.Module, attention: nn.Module, /
) -> Float[Tensor, "b c y x"]:
    """The map, and what attention over its places found."""
    places = attention(norm(x).flatten(2).mT)
    return x + places.mT.unflatten(2, x.shape[2:])


class Smaller(nn.Module):
    """Half the size; a row and a column of zeros are added below and to the right."""

    def __init__(self, width: int, /):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2)

    def forward(self, x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y2 x2"]:
        """A smaller map."""
        return self.conv(F.pad(x, (0, 1, 0, 1)))
