"""One level of codes of a sound: convolutions that halve its length, a codebook, and the way back.

References:
    Prafulla Dhariwal and others. Jukebox: a generative model for music. 2020.
    https://arxiv.org/abs/2005.00341
"""

from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.generative.autoencoders.codebook import Codebook

DECAY = 0.99
"""Share of the codebook's running sums that is kept at each step."""

TRIPLES = 3
"""Gaps of the residual blocks grow by this."""


class SoundLevel(nn.Module):
    """A sound as codes, each for so many samples, and a sound of codes.

    Args:
        codes: how many there are to choose from.
        dim: numbers of each code.
        width: features inside.
        depth: residual blocks at each length, of the encoder and of the decoder.
        halvings: how often the length is halved.
    """

    def __init__(self, *, codes: int, dim: int, width: int, depth: int, halvings: int):
        super().__init__()
        there: list[nn.Module] = []
        for i in range(halvings):
            there.append(nn.Conv1d(width if i else 1, width, 4, stride=2, padding=1))
            there += [Residual(width, TRIPLES**j) for j in range(depth)]
        back: list[nn.Module] = [nn.Conv1d(dim, width, 3, padding=1)]
        for i in reversed(range(halvings)):
            back += [Residual(width, TRIPLES**j) for j in reversed(range(depth))]
            back.append(nn.ConvTranspose1d(width, width if i else 1, 4, stride=2, padding=1))
        self.encoder = nn.Sequential(*there, nn.Conv1d(width, dim, 3, padding=1))
        self.decoder = nn.Sequential(*back)
        self.book = Codebook(codes, dim, decay=DECAY)

    def forward(
        self, x: Float[Tensor, "b 1 t"]
    ) -> tuple[Float[Tensor, "b 1 t"], Float[Tensor, " b"], Int[Tensor, "b s"]]:
        """The sounds again, how far vectors are from their codes, and the codes' numbers."""
        z = self.encoder(x).mT
        flat = z.flatten(0, 1)
        if self.training:
            self.book.restart(flat)
        code, number = self.book(flat)
        if self.training:
            self.book.learn(flat.detach(), number)
        places = -1, z.shape[1]
        code, number = code.unflatten(0, places), number.unflatten(0, places)
        far = (z - code.detach()).square().sum((1, 2))
        return self.decoder(code.mT), far, number

    def numbers(self, x: Float[Tensor, "b 1 t"], /) -> Int[Tensor, "b s"]:
        """The numbers of the codes of each sound."""
        z = self.encoder(x).mT
        return self.book.nearest(z.flatten(0, 1)).unflatten(0, (-1, z.shape[1]))

    def sound(self, number: Int[Tensor, "b s"], /) -> Float[Tensor, "b 1 t"]:
        """The sounds of codes."""
        return self.decoder(self.book.codes[number].mT)


class Residual(nn.Module):
    """A convolution with gaps and one of single places, added to what came in."""

    def __init__(self, width: int, gap: int, /):
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(), nn.Conv1d(width, width, 3, padding=gap, dilation=gap),
            nn.ReLU(), nn.Conv1d(width, width, 1),
        )  # fmt: skip

    def forward(self, x: Float[Tensor, "b c t"]) -> Float[Tensor, "b c t"]:
        """What came in, and what was found around it."""
        return x + self.layers(x)
