"""A network that takes noise away, whatever it was taught to predict.

Every parametrisation predicts a mixture of example and noise, `F = a x + b noise`. With the noisy
input `x_t = alpha x + sigma noise` that gives the example back:

    x = (sigma F - b x_t) / (a sigma - b alpha)

- `noise` (DDPM's epsilon): a = 0, b = 1.
- `example`: a = 1, b = 0.
- `v` (progressive distillation): a = -sigma, b = alpha.
- `velocity` (flow matching): a = -1, b = 1.
- `edm`: a = (1 - c_skip) / c_out, b = -c_skip sigma / c_out, where both coefficients keep the
  variance of inputs and targets at 1 for examples of standard deviation `spread`.
- `consistency`: the same, but for a skip that is 1 at the path's least sigma and not at 0.

References:
    Tim Salimans, Jonathan Ho. Progressive distillation for fast sampling of diffusion models. ICLR
    2022. https://arxiv.org/abs/2202.00512
    Tero Karras, Miika Aittala, Timo Aila, Samuli Laine. Elucidating the design space of
    diffusion-based generative models. NeurIPS 2022. https://arxiv.org/abs/2206.00364
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.errors import unknown
from cartograd.core.generative import Level
from cartograd.generative.diffusion.paths import LEAST, Path, Steps, wide
from cartograd.generative.diffusion.published_steps import PublishedSteps
from cartograd.generative.diffusion.reverse import log_variances
from cartograd.generative.samplers.ddim import ddim

Mixture = Callable[[Tensor, Tensor, float], tuple[Tensor, Tensor]]


def _edm(alpha: Tensor, sigma: Tensor, spread: float) -> tuple[Tensor, Tensor]:
    skip = spread**2 / (sigma**2 + spread**2)
    out = sigma * spread / (sigma**2 + spread**2).sqrt()
    return (1 - skip * alpha) / out, -skip * sigma / out


def _consistency(alpha: Tensor, sigma: Tensor, spread: float) -> tuple[Tensor, Tensor]:
    skip, out = consistent(sigma, spread)
    return (1 - skip * alpha) / out, -skip * sigma / out


def consistent(
    sigma: Float[Tensor, "*b"], spread: float, /
) -> tuple[Float[Tensor, "*b"], Float[Tensor, "*b"]]:
    """Shares of the input and of the network in a consistency model's answer."""
    above = (sigma - LEAST).clamp_min(0)
    skip = spread**2 / (above**2 + spread**2)
    return skip, spread * above / (sigma**2 + spread**2).sqrt()


PREDICTS: dict[str, Mixture] = {
    "noise": lambda alpha, *_: (torch.zeros_like(alpha), torch.ones_like(alpha)),
    "example": lambda alpha, *_: (torch.ones_like(alpha), torch.zeros_like(alpha)),
    "v": lambda alpha, sigma, _: (-sigma, alpha),
    "velocity": lambda alpha, *_: (-torch.ones_like(alpha), torch.ones_like(alpha)),
    "edm": _edm,
    "consistency": _consistency,
}
"""By name: how much of the example and of the noise is in what the network predicts."""


class Denoiser(nn.Module):
    """A network on a path.

    Args:
        net: called with the noisy examples, the time of each, and its class or the tokens of its
            text (if there are any).
        path: how examples become noise.
        predicts: a key of `PREDICTS`.
        classes: how many, so that `classes` itself stands for none of them; None without any.
        steps: of the deterministic sampler that `forward` uses.
        spread: standard deviation of the examples, where `predicts` is `edm`.
        limit: what is guessed in sampling is kept between this and its negative, as DDPM does with
            pictures; None where examples have no bounds.
        learned: whether the network answers twice, and says with the second how sure it is.
        empty: tokens of the text that says nothing, where examples are told by texts.
    """

    empty: Tensor | None

    def __init__(
        self,
        net: nn.Module,
        path: Path,
        /,
        *,
        predicts: str,
        classes: int | None,
        steps: int,
        spread: float = 0.5,
        limit: float | None = None,
        learned: bool = False,
        empty: Int[Tensor, " t"] | None = None,
    ):
        super().__init__()
        if predicts not in PREDICTS:
            raise unknown("what a network predicts", predicts, PREDICTS)
        self.net, self.path = net, path
        self.predicts, self.classes, self.steps = predicts, classes, steps
        self.spread, self.limit, self.learned = spread, limit, learned
        self.register_buffer("empty", empty)

    @property
    def told(self) -> bool:
        """Whether the network is told what an example is to be."""
        return self.classes is not None or self.empty is not None

    def nothing(
        self, x: Shaped[Tensor, "b ..."], /, *, length: int | None = None
    ) -> Int[Tensor, "b ..."]:
        """What as many examples are told that may be anything; of a text so many tokens."""
        one = torch.tensor(self.classes or 0) if self.empty is None else self.empty[:length]
        return one.to(x.device).expand(x.shape[0], *one.shape)

    def forgetting(
        self, y: Int[Tensor, "b ..."], dropped: Bool[Tensor, " b"], /
    ) -> Int[Tensor, "b ..."]:
        """Some examples are told nothing."""
        chosen = dropped.to(y.device).reshape(-1, *[1] * (y.ndim - 1))
        return torch.where(chosen, self.nothing(y, length=y.shape[-1]).to(y), y)

    def forward(
        self, noise: Float[Tensor, "b ..."], y: Int[Tensor, "b ..."] | None = None
    ) -> Float[Tensor, "b ..."]:
        """One example for each row of noise, by DDIM without further noise."""
        return ddim(Conditioned(self, y), noise, torch.Generator(), steps=self.steps)

    def levels(self, steps: int, /) -> Level:
        """See `Denoises`."""
        return self.path.levels(steps)

    def within(self, steps: int, /) -> int:
        """So many steps, or all of a chain that has fewer."""
        chain = self.path.chain if isinstance(self.path, PublishedSteps) else self.path
        return min(steps, chain.length) if isinstance(chain, Steps) else steps

    def denoise(
        self, x: Float[Tensor, "b ..."], level: Level, /, y: Int[Tensor, "b ..."] | None = None
    ) -> Float[Tensor, "b ..."]:
        """The mean of what may be behind each noisy example."""
        return self.example(x, self.predicted(x, level, y), level)

    def reverse(
        self,
        x: Float[Tensor, "b ..."],
        now: Level,
        then: Level,
        /,
        y: Int[Tensor, "b ..."] | None = None,
    ) -> tuple[Float[Tensor, "b ..."], Float[Tensor, "..."]]:
        """See `Reverses`; the least variance where none is learned."""
        if not self.learned:
            return self.denoise(x, now, y), log_variances(now, then)[0]
        found, between = self.answers(x, now, y)
        assert between is not None
        return self.example(x, found, now), self.log_variance(between, now, then)

    def log_variance(
        self, between: Float[Tensor, "b ..."], now: Level, then: Level, /
    ) -> Float[Tensor, "b ..."]:
        """The logarithm of a step's variance, by where it was said to lie between the two."""
        least, most = log_variances(now, then)
        share = (between + 1) / 2
        return share * wide(most, between) + (1 - share) * wide(least, between)

    def predicted(
        self, x: Float[Tensor, "b ..."], level: Level, y: Int[Tensor, "b ..."] | None = None, /
    ) -> Float[Tensor, "b ..."]:
        """What the network says."""
        return self.answers(x, level, y)[0]

    def answers(
        self, x: Float[Tensor, "b ..."], level: Level, y: Int[Tensor, "b ..."] | None = None, /
    ) -> tuple[Float[Tensor, "b ..."], Float[Tensor, "b ..."] | None]:
        """What the network says, and where the variance lies between -1 and 1 if it says that."""
        time = level.time.to(x.device, x.dtype).expand(x.shape[0])
        if self.predicts in ("edm", "consistency"):
            x = x * wide((level.sigma**2 + self.spread**2).rsqrt(), x)
        told = ()
        if self.told:
            told = (self.nothing(x) if y is None else y,)
        found = self.net(x, time, *told)
        if not self.learned:
            return found, None
        said, between = found.chunk(2, dim=1)
        return said, between

    def example(
        self, x: Float[Tensor, "b ..."], found: Float[Tensor, "b ..."], level: Level, /
    ) -> Float[Tensor, "b ..."]:
        """The example behind `x`, if the network says `found`."""
        if self.predicts == "consistency":  # whose network may have no share at all
            skip, out = consistent(level.sigma, self.spread)
            return wide(skip, x) * x + wide(out, x) * found
        a, b = self.mixture(level)
        below = a * level.sigma - b * level.alpha
        return wide(level.sigma / below, x) * found - wide(b / below, x) * x

    def mixture(self, level: Level, /) -> tuple[Float[Tensor, "*b"], Float[Tensor, "*b"]]:
        """How much of the example and of the noise is in what is predicted."""
        return PREDICTS[self.predicts](level.alpha, level.sigma, self.spread)


class Conditioned(nn.Module):
    """A denoiser of examples of given classes or texts, pulled towards these.

    Guidance `w` adds to what is said without a class `w` times what the class changes. At 1 it is
    the plain conditional model, at 0 the unconditional one.

    Args:
        denoiser: with classes or texts, if some are given.
        y: the class of each example, or the tokens of its text; none for any.
        guidance: `w`.
        limited: whether guesses are kept in the denoiser's bounds.
        solver: name of the sampler that asks, by which published chains are walked.

    References:
        Jonathan Ho, Tim Salimans. Classifier-free diffusion guidance. NeurIPS workshop 2021.
        https://arxiv.org/abs/2207.12598
    """

    def __init__(
        self,
        denoiser: Denoiser,
        y: Int[Tensor, "b ..."] | None,
        /,
        *,
        guidance: float = 1.0,
        limited: bool = True,
        solver: str = "ddim",
    ):
        super().__init__()
        self.denoiser, self.y, self.guidance, self.solver = denoiser, y, guidance, solver
        self.both = y is not None and guidance not in (0, 1)
        self.limit = denoiser.limit if limited else None

    def levels(self, steps: int, /) -> Level:
        """See `Denoises`."""
        path = self.denoiser.path
        if isinstance(path, PublishedSteps):
            return path.solved(self.solver).levels(steps)
        return path.levels(steps)

    def denoise(self, x: Float[Tensor, "b ..."], level: Level, /) -> Float[Tensor, "b ..."]:
        """See `Denoises`; with and without the class in one batch, where both are needed."""
        rows, y = self._asked(x)
        return self._guided(self.denoiser.denoise(rows, level, y))

    def reverse(
        self, x: Float[Tensor, "b ..."], now: Level, then: Level, /
    ) -> tuple[Float[Tensor, "b ..."], Float[Tensor, "..."]]:
        """See `Reverses`; guidance moves the guess and leaves the variance as it is."""
        rows, y = self._asked(x)
        guess, log_variance = self.denoiser.reverse(rows, now, then, y)
        told = log_variance[: x.shape[0]] if log_variance.ndim else log_variance
        return self._guided(guess), told

    def kept(self, guess: Float[Tensor, "b ..."], /) -> Float[Tensor, "b ..."]:
        """A guess within the bounds of the examples."""
        return guess if self.limit is None else guess.clamp(-self.limit, self.limit)

    def _asked(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Examples and what they are told, as the network gets them: both ways if need be."""
        if self.y is None or self.guidance == 1:
            return x, self.y
        none = self.denoiser.nothing(self.y, length=self.y.shape[-1])
        if not self.both:
            return x, none
        return torch.cat([x, x]), torch.cat([self.y, none])

    def _guided(self, guess: Tensor) -> Tensor:
        if self.both:
            told, free = guess.chunk(2)
            guess = free + self.guidance * (told - free)
        return self.kept(guess)


def noisy(
    x: Float[Tensor, "b ..."], noise: Float[Tensor, "b ..."], level: Level, /
) -> Float[Tensor, "b ..."]:
    """Examples with noise."""
    return wide(level.alpha, x) * x + wide(level.sigma, x) * noise


def denoiser_of(model: nn.Module, /) -> Denoiser | None:
    """The denoiser by which a model makes examples; None of a model of another family.

    >>> from cartograd.generative.diffusion.flow_matching import FlowMatching
    >>> denoiser_of(FlowMatching(features=2)).predicts
    'velocity'
    """
    return next((part for part in model.children() if isinstance(part, Denoiser)), None)
