"""DDIM: from noise to an example in few steps, with as much new noise on the way as one likes.

Each step takes the guessed example and the noise that it leaves, and puts them together as the next
level has them. With `eta` 0 nothing is drawn after the first noise: the steps follow the
probability-flow ODE by Euler's method (in sigma/alpha), so that EDM's Euler and flow matching's
Euler sampler are the same. With `eta` 1 and all steps it is DDPM's ancestral sampling, with the
smaller of its two variances.

    x_s = alpha_s x + sqrt(sigma_s^2 - tau^2) noise + tau new
    tau = eta (sigma_s / sigma_t) sqrt(sigma_t^2 - (alpha_t / alpha_s)^2 sigma_s^2)

Under the root is the noise that came in between the two levels. Where `alpha^2 + sigma^2` is 1, as
in the paper, it is `1 - (alpha_t / alpha_s)^2`.

Shapes: noise `b ...`; examples alike.

Departures: the steps are spaced evenly and include the last one of the chain.

References:
    Jiaming Song, Chenlin Meng, Stefano Ermon. Denoising diffusion implicit models. ICLR 2021.
    https://arxiv.org/abs/2010.02502

>>> import torch
>>> from cartograd.generative.diffusion.flow_matching import FlowMatching
>>> model = FlowMatching(features=2, width=8).denoiser
>>> ddim(model, torch.randn(3, 2), torch.Generator(), steps=4).shape
torch.Size([3, 2])
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.generative import Denoises, Level
from cartograd.generative.diffusion.reverse import noise_between
from cartograd.generative.samplers.steps import begin, fresh, noise_in, pairs

CARD = Card(
    name="ddim",
    aliases=("euler",),
    kind="sampler",
    entry="ddim",
    nodes=("diffusion/ddim",),
    title="DDIM",
    zh="DDIM",
    paper="Denoising diffusion implicit models",
    year=2021,
    url="https://arxiv.org/abs/2010.02502",
    proofs=(
        "law: on a Gaussian the error against the exact flow halves as the steps double",
        "law: with eta 1 each step has the mean and variance of DDPM's posterior, to 1e-12",
        "oracle: diffusers' DDIMScheduler step by step, with noise on the way and with bounds, to "
        "1e-5",
    ),
    evidence={
        "diffusion/ddim": (
            "test_the_error_halves_as_the_steps_double",
            "test_inversion_finds_the_noise_that_ddim_began_with",
            "acceptance:ddim-digits",
        ),
    },
)


def ddim(
    model: Denoises,
    noise: Float[Tensor, "b ..."],
    generator: torch.Generator,
    /,
    *,
    steps: int = 20,
    eta: float = 0.0,
) -> Float[Tensor, "b ..."]:
    """Sample.

    Args:
        model: takes noise away.
        noise: standard normal.
        generator: of the noise on the way.
        steps: calls of the network.
        eta: how much new noise: 0 none, 1 as much as DDPM.

    Raises:
        UsageError: the model's chain has fewer steps.
    """
    levels = model.levels(steps)
    x = begin(noise, levels)
    for now, then in pairs(levels):
        x = step(model, x, now, then, generator, eta=eta)
    return x


def step(
    model: Denoises,
    x: Float[Tensor, "b ..."],
    now: Level,
    then: Level,
    generator: torch.Generator,
    /,
    *,
    eta: float,
) -> Float[Tensor, "b ..."]:
    """From one level to one of less noise."""
    guess = model.denoise(x, now)
    left = noise_in(x, guess, now)
    if not eta:
        return then.alpha.to(x) * guess + then.sigma.to(x) * left
    tau = eta * then.sigma / now.sigma * noise_between(now, then).clamp_min(0).sqrt()
    kept = (then.sigma**2 - tau**2).clamp_min(0).sqrt()
    return then.alpha.to(x) * guess + kept.to(x) * left + tau.to(x) * fresh(x, generator)
