"""VAE: an encoder guesses the code behind an example, a decoder the example behind a code.

Codes are standard normal, and an example is drawn around what the decoder makes of its code. The
log-likelihood of that is an integral over all codes; the encoder's guess gives a lower bound of it,
which both networks raise. Several draws of the code give a tighter one (IWAE).

    log p(x) >= E_q log p(x | z) - KL(q(z | x) || N(0, I))                      one draw: elbo
    log p(x) >= E log (1/k) sum_i p(x | z_i) p(z_i) / q(z_i | x)              k draws: iwae

Shapes: input `b d` or `b c y x` and (with classes) `b`; bounds ` b` in nats; codes `b d`.

Departures: grey levels have a discretised logistic distribution, two levels Bernoulli's. Drawn
examples are the middles of these, without their noise. In evaluation the noise of the codes is the
same for every example, so that answers repeat. `free_bits` and
`divergence_weight` count in training alone.

References:
    Diederik Kingma, Max Welling. Auto-encoding variational Bayes. ICLR 2014.
    https://arxiv.org/abs/1312.6114
    Kihyuk Sohn, Honglak Lee, Xinchen Yan. Learning structured output representation using deep
    conditional generative models. NeurIPS 2015.
    Yuri Burda, Roger Grosse, Ruslan Salakhutdinov. Importance weighted autoencoders. ICLR 2016.
    https://arxiv.org/abs/1509.00519
    Irina Higgins and others. beta-VAE. ICLR 2017.

>>> model = VAE(features=6, latent=2, widths=(8,))
>>> model(torch.rand(3, 6)).shape, model.encode(torch.rand(3, 6)).shape
(torch.Size([3]), torch.Size([3, 2]))
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.generative.autoencoders.dense import dense
from cartograd.generative.autoencoders.gaussian import divergence, drawn, log_density
from cartograd.generative.autoencoders.observations import Observation, observation
from cartograd.generative.told_class import check_class

CARD = Card(
    name="vae",
    kind="model",
    entry="VAE",
    nodes=("vae/vae", "vae/conditional"),
    title="Variational autoencoder",
    zh="变分自编码器",
    aliases=("cvae", "variational-autoencoder"),
    paper="Auto-encoding variational Bayes",
    year=2014,
    url="https://arxiv.org/abs/1312.6114",
    proofs=(
        "law: with the exact posterior of a linear decoder the bound is log p(x), to 1e-10",
        "law: the divergence in closed form is that of 100,000 draws, to three standard errors",
        "law: slopes through a draw are those by the score on average, to three standard errors",
        "law: more draws give a higher bound, which stays below log p(x)",
        "law: the chances of all pictures of a decoder's levels sum to one",
    ),
    evidence={
        "vae/vae": (
            "test_the_divergence_is_that_of_many_draws",
            "test_with_the_exact_posterior_the_bound_is_the_likelihood",
            "test_interpolation_ends_at_its_ends_and_prior_samples_are_like_the_data",
            "acceptance:vae-fashion",
        ),
        "vae/conditional": (
            "test_examples_are_of_the_class_that_was_asked",
            "acceptance:vae-digits",
        ),
    },
    tiny={"features": 4, "classes": 3, "latent": 2, "widths": (5,)},
    answers="density",
)


class VAE(nn.Module):
    """Dense layers from example to code and back.

    Args:
        features: numbers of one example.
        classes: how many there are to tell encoder and decoder of; None trains without them.
        latent: numbers of a code.
        widths: units of the hidden layers of the encoder; the decoder's are the same backwards.
        activation: the nonlinearity, by name.
        levels: how many evenly spaced values from 0 to 1 a number takes; 0 if it is any.
        draws: codes of each example that a bound is made of: 1 for the ELBO, more for IWAE's.
        divergence_weight: how much the divergence counts in training: the beta of beta-VAE.
        free_bits: nats of each number of a code that cost nothing in training.
    """

    noise: Tensor

    def __init__(
        self,
        *,
        features: int,
        classes: int | None = None,
        latent: int = 16,
        widths: tuple[int, ...] = (256,),
        activation: str = "relu",
        levels: int = 0,
        draws: int = 1,
        divergence_weight: float = 1.0,
        free_bits: float = 0.0,
    ):
        super().__init__()
        self.features, self.classes, self.latent = features, classes, latent
        self.weight, self.free_bits = divergence_weight, free_bits
        told = classes or 0
        self.encoder = dense((features + told, *widths, 2 * latent), activation)
        self.decoder = dense((latent + told, *widths[::-1], features), activation)
        self.observation: Observation = observation(features, levels=levels)
        self.draws = draws

    @property
    def draws(self) -> int:
        """Codes of each example that a bound is made of; may be set to more for a tighter one."""
        return len(self.noise)

    @draws.setter
    def draws(self, count: int) -> None:
        noise = torch.randn(count, self.latent, generator=torch.Generator().manual_seed(0))
        device = next(self.parameters()).device
        self.register_buffer("noise", noise.to(device), persistent=False)

    @property
    def likelihood(self) -> str:
        """Which bound the answers are."""
        return "elbo" if self.draws == 1 else "iwae"

    def forward(
        self, x: Float[Tensor, "b ..."], y: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, " b"]:
        """A lower bound of the log-probability of each example, in nats."""
        x = x.flatten(1)
        mean, log_var = self.posterior(x, y)
        if self.draws > 1:
            weights = [self._weight(x, y, mean, log_var, i) for i in range(self.draws)]
            return torch.stack(weights).logsumexp(0) - math.log(self.draws)
        z = drawn(mean, log_var, self._noise(mean, 0))
        cost = divergence(mean, log_var)
        if self.training:
            cost = self.weight * cost.clamp(min=self.free_bits)
        return self.observation.log_prob(x, self.said(z, y)) - cost.sum(1)

    def posterior(
        self, x: Float[Tensor, "b d1"], y: Int[Tensor, " b"] | None = None, /
    ) -> tuple[Float[Tensor, "b d2"], Float[Tensor, "b d2"]]:
        """Mean and log-variance of the code behind each example."""
        mean, log_var = self.encoder(self._with_class(x, y)).chunk(2, dim=1)
        return mean, log_var

    def said(
        self, z: Float[Tensor, "b d1"], y: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b d2"]:
        """What the decoder says of each code, as `observation` takes it."""
        return self.decoder(self._with_class(z, y))

    def encode(
        self, x: Float[Tensor, "b ..."], y: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b d"]:
        """The mean of the code behind each example."""
        return self.posterior(x.flatten(1), y)[0]

    def decode(
        self, z: Float[Tensor, "b d1"], y: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b d2"]:
        """The mean of the examples with this code."""
        return self.observation.mean(self.said(z, y))

    def reconstruct(
        self, x: Float[Tensor, "b ..."], y: Int[Tensor, " b"] | None = None, /
    ) -> Float[Tensor, "b ..."]:
        """The mean of the examples with the mean code of each."""
        return self.decode(self.encode(x, y), y).reshape(x.shape)

    def sample(
        self,
        count: int,
        generator: torch.Generator,
        /,
        *,
        temperature: float = 1.0,
        y: Int[Tensor, " b"] | None = None,
    ) -> Float[Tensor, "b d"]:
        """The examples of random codes; below 1 the temperature keeps to likely ones."""
        weight = next(self.parameters())
        noise = torch.randn(count, self.latent, generator=generator, device=generator.device)
        return self.decode(temperature * noise.to(weight), y)

    def _weight(
        self, x: Tensor, y: Tensor | None, mean: Tensor, log_var: Tensor, number: int
    ) -> Tensor:
        """`log p(x | z) p(z) / q(z | x)` of one draw of each code."""
        z, zero = drawn(mean, log_var, self._noise(mean, number)), torch.zeros_like(mean)
        prior = log_density(z, zero, zero) - log_density(z, mean, log_var)
        return self.observation.log_prob(x, self.said(z, y)) + prior

    def _noise(self, like: Tensor, number: int) -> Tensor:
        """New for each example in training; else one row for all, by the number of the draw."""
        if self.training:
            return torch.randn_like(like)
        return self.noise[number, None].to(like.dtype)

    def _with_class(self, x: Tensor, y: Tensor | None) -> Tensor:
        check_class(self.classes, y)
        if y is None or self.classes is None:
            return x
        return torch.cat([x, nn.functional.one_hot(y, self.classes).to(x)], 1)
