"""VQ-VAE: an example becomes a few numbers of codes, and a decoder makes it again of these.

An encoder gives each place of the code a vector, of which the nearest of a codebook is taken. The
decoder is learned by how likely it makes the example, the encoder by the same gradient, which
passes straight through the choice, and by keeping near its code. How often each code stands at each
place is the prior, so that the whole is a bound of the log-probability.

    log p(x) >= log p(x | e_q) + sum_i log p(q_i),    minus  w |z - sg e_q|^2 in training

Shapes: input `b d` or `b c y x`; bounds ` b` in nats; codes `b d`.

Departures: dense layers (the paper's are convolutions); the prior of each place stands alone (the
paper learns a PixelCNN of them); codes are learned by running means and begin, or begin again when
nothing is near them, at vectors of the batch. Drawn examples are without the decoder's noise.

References:
    Aäron van den Oord, Oriol Vinyals, Koray Kavukcuoglu. Neural discrete representation learning.
    NeurIPS 2017. https://arxiv.org/abs/1711.00937

>>> import torch
>>> model = VQVAE(features=6, latent=2, codes=4, widths=(8,)).eval()
>>> model(torch.rand(3, 6)).shape, model.numbers(torch.rand(3, 6)).shape
(torch.Size([3]), torch.Size([3, 2]))
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.generative.autoencoders.codebook import Codebook
from cartograd.generative.autoencoders.dense import dense
from cartograd.generative.autoencoders.observations import Observation, observation
from cartograd.generative.level_distributions import picked

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
        "law: gradients pass straight through the choice of a code",
        "law: the bound is below the log-probability, which sums to one",
    ),
    evidence={"vae/vq": ("test_without_memory_it_is_one_step_of_lloyds_algorithm",)},
    missing={"vae/vq": "the codebook's use logged in training; sounds, as Jukebox needs them"},
    tiny={"features": 4, "latent": 2, "codes": 5, "dim": 3, "widths": (5,)},
    answers="density",
)


class VQVAE(nn.Module):
    """Dense layers to a few codes, and back.

    Args:
        features: numbers of one example.
        latent: codes that an example is made of.
        codes: how many there are to choose from.
        dim: numbers of each code.
        widths: units of the hidden layers of the encoder; the decoder's are the same backwards.
        activation: the nonlinearity, by name.
        levels: how many evenly spaced values from 0 to 1 a number takes; 0 if it is any.
        commitment: how much the distance of the encoder's vectors from their codes counts.
        decay: share of the codebook's running sums that is kept at each step.
    """

    usage: Tensor

    def __init__(
        self,
        *,
        features: int,
        latent: int = 8,
        codes: int = 32,
        dim: int = 8,
        widths: tuple[int, ...] = (256,),
        activation: str = "relu",
        levels: int = 0,
        commitment: float = 0.25,
        decay: float = 0.99,
    ):
        super().__init__()
        self.latent, self.commitment, self.likelihood = latent, commitment, "bound"
        self.encoder = dense((features, *widths, latent * dim), activation)
        self.decoder = dense((latent * dim, *widths[::-1], features), activation)
        self.book = Codebook(codes, dim, decay=decay)
        self.observation: Observation = observation(features, levels=levels)
        self.register_buffer("usage", torch.zeros(latent, codes))

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, " b"]:
        """A lower bound of the log-probability of each example, in nats."""
        x = x.flatten(1)
        z = self._vectors(x)
        if self.training:
            self.book.restart(z.flatten(0, 1))
        code, number = self.book(z.flatten(0, 1))
        places = -1, self.latent
        code, number = code.unflatten(0, places), number.unflatten(0, places)
        found = self.observation.log_prob(x, self.decoder(code.flatten(1)))
        prior = self.prior().to(found)[torch.arange(self.latent, device=x.device), number]
        bound = found + prior.sum(1)
        if not self.training:
            return bound
        self._learn(z, number)
        return bound - self.commitment * (z - code.detach()).square().sum((1, 2))

    def prior(self) -> Float[Tensor, "t k"]:
        """The logarithm of how often each code stands at each place; one is added to all counts."""
        return (self.usage + 1).log() - (self.usage + 1).sum(1, keepdim=True).log()

    def numbers(self, x: Float[Tensor, "b ..."], /) -> Int[Tensor, "b t"]:
        """The numbers of the codes of each example."""
        z = self._vectors(x.flatten(1))
        return self.book.nearest(z.flatten(0, 1)).unflatten(0, (-1, self.latent))

    def encode(self, x: Float[Tensor, "b ..."], /) -> Float[Tensor, "b d"]:
        """The codes of each example, one after the other."""
        return self.book.codes[self.numbers(x)].flatten(1)

    def decode(self, z: Float[Tensor, "b d1"], /) -> Float[Tensor, "b d2"]:
        """The middle of the examples with these codes."""
        return self.observation.mean(self.decoder(z))

    def sample(
        self, count: int, generator: torch.Generator, /, *, temperature: float = 1.0
    ) -> Float[Tensor, "b d"]:
        """The examples of codes that are drawn for each place; below 1 likely ones."""
        u = torch.rand(self.latent, count, generator=generator, device=generator.device)
        tables = self.prior().expand(count, -1, -1).unbind(1)
        number = [
            picked(table, one.to(table.device), temperature=temperature)
            for table, one in zip(tables, u, strict=True)
        ]
        return self.decode(self.book.codes[torch.stack(number, 1)].flatten(1))

    def _vectors(self, x: Tensor) -> Float[Tensor, "b t d"]:
        return self.encoder(x).unflatten(1, (self.latent, -1))

    @torch.no_grad()
    def _learn(self, z: Tensor, number: Tensor) -> None:
        """Move the codes and count them; each example counts alike in the end."""
        self.book.learn(z.detach().flatten(0, 1), number.flatten())
        seen = nn.functional.one_hot(number, self.usage.shape[1]).sum(0).to(self.usage)
        self.usage.mul_(self.book.decay).add_(seen)
