"""VQ-VAE: a picture becomes a small picture of codes, and a decoder makes it again of these.

An encoder gives each place a vector, of which the nearest of a codebook is taken. The decoder is
learned by how likely it makes the picture, the encoder by the same gradient, which passes straight
through the choice, and by keeping near its code. A PixelCNN over the codes is the prior: new
pictures are codes that it draws, decoded, and its probability of the codes makes the whole a bound.

    log p(x) >= log p(x | e_q) + log p(q),    minus  w |z - sg e_q|^2 in training

Shapes: input `b c y x` and (with classes) `b`; bounds ` b` in nats; codes `b d`.

Departures: the prior is learned along with the codes, by which no gradient goes back, where the
paper learns it after them; codes are learned by running means (the paper's appendix) and begin, or
begin again when nothing is near them, at vectors of the batch. Drawn pictures are without the
decoder's noise.

References:
    Aäron van den Oord, Oriol Vinyals, Koray Kavukcuoglu. Neural discrete representation learning.
    NeurIPS 2017. https://arxiv.org/abs/1711.00937
    Ali Razavi, Aäron van den Oord, Oriol Vinyals. Generating diverse high-fidelity images with
    VQ-VAE-2. NeurIPS 2019. https://arxiv.org/abs/1906.00446

>>> import torch
>>> model = VQVAE(channels=1, size=8, codes=4, width=8).eval()
>>> model(torch.rand(3, 1, 8, 8)).shape, model.numbers(torch.rand(3, 1, 8, 8)).shape
(torch.Size([3]), torch.Size([3, 16]))
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.generative.autoencoders.code_prior import CodePrior
from cartograd.generative.autoencoders.codebook import Codebook
from cartograd.generative.autoencoders.convolutions import from_grid, to_grid
from cartograd.generative.autoencoders.observations import Observation, observation

CARD = Card(
    name="vq-vae",
    kind="model",
    entry="VQVAE",
    nodes=("vae/vq",),
    title="VQ-VAE",
    zh="矢量量化自编码器",
    paper="Neural discrete representation learning",
    year=2017,
    url="https://arxiv.org/abs/1711.00937",
    proofs=(
        "law: without memory the codebook takes one step of Lloyd's algorithm, to 1e-12",
        "law: gradients pass straight through the choice of a code, to which the encoder alone is "
        "drawn",
        "law: the bound is below the log-probability, which sums to one",
        "law: the prior's chances of all pictures of codes sum to one, and it draws by them",
    ),
    evidence={
        "vae/vq": (
            "test_without_memory_it_is_one_step_of_lloyds_algorithm",
            "acceptance:vq-vae-fashion",
        ),
    },
    tiny={"channels": 1, "size": 8, "codes": 5, "dim": 3, "width": 6, "depth": 1, "classes": 3},
    answers="density",
)

DECAY = 0.99
"""Share of the codebook's running sums that is kept at each step."""

LARGE = 16
"""Pictures at least this wide are halved twice, smaller ones once, unless told otherwise."""


class VQVAE(nn.Module):
    """Convolutions to a grid of codes and back, and a prior over the codes.

    Args:
        channels: of a picture.
        size: height and width of a picture.
        classes: how many there are to tell the prior of; None trains without them.
        codes: how many there are to choose from.
        dim: numbers of each code.
        width: channels inside, of encoder, decoder and prior.
        depth: residual blocks of encoder and decoder; the prior has two layers for each.
        scales: how often the sides are halved; by the size if left out.
        levels: how many evenly spaced values from 0 to 1 a number takes; 0 if it is any.
        commitment: how much the distance of the encoder's vectors from their codes counts.
    """

    def __init__(
        self,
        *,
        channels: int,
        size: int,
        classes: int | None = None,
        codes: int = 64,
        dim: int = 16,
        width: int = 32,
        depth: int = 2,
        scales: int | None = None,
        levels: int = 0,
        commitment: float = 0.25,
    ):
        super().__init__()
        scales = scales or (2 if size >= LARGE else 1)
        self.shape, self.commitment, self.likelihood = (channels, size, size), commitment, "bound"
        self.side = -(-size // 2**scales)
        self.spare = self.side * 2**scales - size
        self.encoder = to_grid(channels, dim, width=width, depth=depth, scales=scales)
        self.decoder = from_grid(dim, channels, width=width, depth=depth, scales=scales)
        self.book = Codebook(codes, dim, decay=DECAY)
        places = self.side, self.side
        self.prior = CodePrior(codes, places, width=width, depth=2 * depth, classes=classes)
        self.observation: Observation = observation(channels * size**2, levels=levels)

    def forward(
        self, x: Float[Tensor, "b ..."], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, " b"]:
        """A lower bound of the log-probability of each picture, in nats."""
        z = self._vectors(x)
        if self.training:
            self.book.restart(z.flatten(0, 1))
        code, number = self.book(z.flatten(0, 1))
        places = -1, self.side**2
        code, number = code.unflatten(0, places), number.unflatten(0, places)
        found = self.observation.log_prob(x.flatten(1), self.said(code.flatten(1)))
        bound = found + self.prior.log_prob(number, y)
        if not self.training:
            return bound
        self.book.learn(z.detach().flatten(0, 1), number.flatten())
        return bound - self.commitment * (z - code.detach()).square().sum((1, 2))

    def numbers(self, x: Float[Tensor, "b ..."], /) -> Int[Tensor, "b t"]:
        """The numbers of the codes of each picture."""
        z = self._vectors(x)
        return self.book.nearest(z.flatten(0, 1)).unflatten(0, (-1, self.side**2))

    def encode(
        self, x: Float[Tensor, "b ..."], _: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b d"]:
        """The codes of each picture, one after the other, of whatever class it is."""
        return self.book.codes[self.numbers(x)].flatten(1)

    def decode(
        self, z: Float[Tensor, "b d1"], _: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b d2"]:
        """The mean of the pictures with these codes."""
        return self.observation.mean(self.said(z))

    def said(self, z: Float[Tensor, "b d1"], /) -> Float[Tensor, "b d2"]:
        """What the decoder says of the codes, as `observation` takes it."""
        grid = z.unflatten(1, (self.side, self.side, -1)).movedim(3, 1)
        _, high, wide = self.shape
        return self.decoder(grid)[:, :, :high, :wide].flatten(1)

    def reconstruct(
        self, x: Float[Tensor, "b ..."], _: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b ..."]:
        """The mean of the pictures with the codes of each."""
        return self.decode(self.encode(x)).reshape(x.shape)

    def sample(
        self,
        count: int,
        generator: torch.Generator,
        /,
        *,
        temperature: float = 1.0,
        y: Int[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b d"]:
        """The pictures of codes that the prior draws; below 1 likely ones."""
        number = self.prior.sample(count, generator, temperature=temperature, y=y)
        return self.decode(self.book.codes[number].flatten(1))

    def _vectors(self, x: Tensor) -> Float[Tensor, "b t d"]:
        """A vector for each place; what is missing of the last square is black."""
        x = x.reshape(-1, *self.shape)
        x = nn.functional.pad(x, (0, self.spare, 0, self.spare))
        return self.encoder(2 * x - 1).flatten(2).mT
