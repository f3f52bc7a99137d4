"""VQGAN: pictures as few codes that a critic takes for pictures again, and a transformer over them.

An encoder with attention at its smallest size gives each place a vector, of which the nearest of a
codebook is taken; a decoder makes the picture of these. A critic of patches and the distance of
features make the pictures sharp where squared errors blur them, so that codes may be few. A
transformer reads the codes row by row, as ImageGPT reads pixels, and writes new ones.

    x -> z,    q = argmin_e |z - e|,    q -> x,    p(q) = prod_i p(q_i | q_1, ..., q_(i-1))

Shapes: pictures `b c y x` in [0, 1]; codes `b t d`, their numbers `b t`.

Departures: codes are running means, restarted where nothing is near them, as in `vq-vae` (the
authors' are learned by gradients), and the transformer is learned along with them, by which no
gradient goes back, rather than after them; there is no transformer told of classes. The network's
sizes and the order of its layers are the authors'.

References:
    Patrick Esser, Robin Rombach, Björn Ommer. Taming transformers for high-resolution image
    synthesis. CVPR 2021. https://arxiv.org/abs/2012.09841

>>> import torch
>>> model = VQGAN(channels=1, size=8, codes=4, dim=2, widths=(4, 4), groups=2, width=8).eval()
>>> model(torch.rand(3, 1, 8, 8)).shape, model.numbers(torch.rand(3, 1, 8, 8)).shape
(torch.Size([3, 1, 8, 8]), torch.Size([3, 16]))
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.generative.autoencoders.codebook import Codebook
from cartograd.generative.autoregressive.imagegpt import ImageGPT
from cartograd.generative.latent.autoencoder_kl import Decoder, Encoder
from cartograd.generative.level_distributions import nearest

CARD = Card(
    name="vqgan",
    kind="model",
    entry="VQGAN",
    nodes=("vae/vq",),
    title="VQGAN",
    zh="VQGAN（对抗训练的矢量量化自编码器）",
    aliases=("vq-gan", "taming-transformers"),
    paper="Taming transformers for high-resolution image synthesis",
    year=2021,
    url="https://arxiv.org/abs/2012.09841",
    proofs=(
        "oracle: diffusers' VQModel with the same weights: the encoder's vectors and the decoder's "
        "picture to 1e-10 in float64",
        "paper: f16 with 1,024 codes has 72,141,699 numbers, with 16,384 codes 76,073,859",
        "law: gradients pass straight through the choice of a code",
        "law: what is drawn is the picture of codes that the transformer draws",
    ),
    evidence={"vae/vq": ("acceptance:vqgan-fashion",)},
    tiny={
        "channels": 1,
        "size": 4,
        "codes": 32,
        "dim": 2,
        "widths": (2, 2),
        "blocks": 1,
        "groups": 1,
        "width": 4,
        "heads": 1,
        "depth": 1,
    },
    answers="reconstruct",
    objective="vqgan-game",
)

PRESETS = {
    "vqgan-f16": {
        "channels": 3,
        "size": 256,
        "codes": 1024,
        "dim": 256,
        "widths": (128, 128, 256, 256, 512),
        "blocks": 2,
        "groups": 32,
        "width": 1664,
        "heads": 16,
        "depth": 48,
    },
}

DECAY = 0.99
"""Share of the codebook's running sums that is kept at each step."""


@dataclass(frozen=True)
class Coded:
    """Pictures of codes.

    Attributes:
        rebuilt: the pictures, from -1 to 1, more or less.
        far: the squared distance of the encoder's vectors from their codes, a mean.
        number: of the codes.
        vectors: the encoder's, of which the codes are to be means.
    """

    rebuilt: Float[Tensor, "b c y x"]
    far: Float[Tensor, " b"]
    number: Int[Tensor, "b t"]
    vectors: Float[Tensor, "b t d"]


class VQGAN(nn.Module):
    """Encoder, codebook and decoder, and a transformer over the codes.

    Args:
        channels: of a picture.
        size: height and width of a picture.
        codes: how many there are to choose from.
        dim: numbers of each code.
        widths: channels at each size, each half the one before.
        blocks: residual blocks at each size of the encoder; one more of the decoder.
        groups: of channels that are normalised together.
        width: features of a code inside the transformer.
        heads: of each of its attentions.
        depth: its blocks.

    Raises:
        UsageError: the sides cannot be halved so often.
    """

    def __init__(
        self,
        *,
        channels: int,
        size: int,
        codes: int = 128,
        dim: int = 16,
        widths: tuple[int, ...] = (16, 32, 32),
        blocks: int = 1,
        groups: int = 8,
        width: int = 64,
        heads: int = 4,
        depth: int = 2,
    ):
        super().__init__()
        shrinks = 2 ** (len(widths) - 1)
        if size % shrinks:
            raise UsageError(
                f"pictures of side {size} cannot be halved {len(widths) - 1} times; expected a "
                f"multiple of {shrinks}: give fewer widths=, or `size=` of the data"
            )
        self.lacks = {"log_prob": "it rebuilds pictures as a critic likes them; vq-vae has a bound"}
        self.side, common = size // shrinks, {"widths": widths, "blocks": blocks, "groups": groups}
        self.encoder = Encoder(channels, dim, attended=True, **common)
        self.decoder = Decoder(dim, channels, attended=True, **common)
        self.said, self.heard = nn.Conv2d(dim, dim, 1), nn.Conv2d(dim, dim, 1)
        self.book = Codebook(codes, dim, decay=DECAY)
        self.prior = ImageGPT(
            channels=1, size=self.side, levels=codes, codes=codes, dim=width, heads=heads,
            depth=depth,
        )  # fmt: skip

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """Each picture again."""
        return ((self.coded(x).rebuilt + 1) / 2).reshape(x.shape)

    def coded(self, x: Float[Tensor, "b c y x"], /) -> Coded:
        """The pictures of the codes of each."""
        z = self.vectors(x)
        code, number = (one.unflatten(0, z.shape[:2]) for one in self.book(z.flatten(0, 1)))
        far = (z - code.detach()).square().mean((1, 2))
        return Coded(self.picture(code), far, number, z.detach())

    def vectors(self, x: Float[Tensor, "b c y x"], /) -> Float[Tensor, "b t d"]:
        """What the encoder says of each place, before a code is chosen."""
        return self.said(self.encoder(2 * x - 1)).flatten(2).mT

    def picture(self, code: Float[Tensor, "b t d"], /) -> Float[Tensor, "b c y x"]:
        """The pictures of codes, from -1 to 1, more or less."""
        return self.decoder(self.heard(code.mT.unflatten(2, (self.side, self.side))))

    def numbers(self, x: Float[Tensor, "b c y x"], /) -> Int[Tensor, "b t"]:
        """The numbers of the codes of each picture."""
        z = self.vectors(x)
        return self.book.nearest(z.flatten(0, 1)).unflatten(0, z.shape[:2])

    def nats(self, number: Int[Tensor, "b t"], /) -> Float[Tensor, " b"]:
        """The logarithm of the probability of each picture of codes, by the transformer."""
        return self.prior.distribution.log_prob(self.prior.scores(number), number).sum(1)

    def encode(self, x: Float[Tensor, "b c y x"], /) -> Float[Tensor, "b d"]:
        """The codes of each picture, one after the other."""
        return self.book.codes[self.numbers(x)].flatten(1)

    def decode(self, z: Float[Tensor, "b d"], /) -> Float[Tensor, "b c y x"]:
        """The picture of each row of codes."""
        return (self.picture(z.unflatten(1, (self.side**2, -1))) + 1) / 2

    def reconstruct(self, x: Float[Tensor, "b ..."], /) -> Float[Tensor, "b ..."]:
        """Each picture again, as `cartograd.core.generative.Rebuilds` has it."""
        return self(x)

    def sample(
        self, count: int, generator: torch.Generator, /, *, temperature: float = 1.0
    ) -> Float[Tensor, "b c y x"]:
        """The pictures of codes that the transformer draws; below 1 likely ones."""
        drawn = self.prior.sample(count, generator, temperature=temperature)
        number = nearest(drawn, self.prior.levels).flatten(1)
        return self.decode(self.book.codes[number].flatten(1))
