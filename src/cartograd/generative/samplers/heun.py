"""Heun's method along the probability-flow ODE: two guesses a step, an error of second order.

In the scaled variables `u = x / alpha` and `s = sigma / alpha` the flow is `du/ds = (u - D) / s`.
Euler's step to the next level is corrected by the slope found there; the last step, to no noise,
stays Euler's.

    u' = u + (s' - s) d,    u'' = u + (s' - s) (d + d') / 2

Shapes: noise `b ...`; examples alike.

Departures: no churn (EDM's optional noise on the way).

References:
    Tero Karras, Miika Aittala, Timo Aila, Samuli Laine. Elucidating the design space of
    diffusion-based generative models. NeurIPS 2022. https://arxiv.org/abs/2206.00364

>>> import torch
>>> from cartograd.generative.diffusion.flow_matching import FlowMatching
>>> model = FlowMatching(features=2, width=8).denoiser
>>> heun(model, torch.randn(3, 2), torch.Generator(), steps=4).shape
torch.Size([3, 2])
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.generative import Denoises
from cartograd.generative.samplers.steps import begin, noise_in, pairs

CARD = Card(
    name="heun",
    kind="sampler",
    entry="heun",
    nodes=("diffusion/ddim",),
    title="Heun's method (EDM)",
    zh="Heun 法（EDM）",
    paper="Elucidating the design space of diffusion-based generative models",
    year=2022,
    url="https://arxiv.org/abs/2206.00364",
    proofs=(
        "law: on a Gaussian the error falls to a quarter as the steps double",
        "law: 2 n - 1 calls of the network for n steps",
        "oracle: diffusers' HeunDiscreteScheduler step by step, to 1e-4",
    ),
)


def heun(
    model: Denoises,
    noise: Float[Tensor, "b ..."],
    generator: torch.Generator,  # noqa: ARG001
    /,
    *,
    steps: int = 18,
) -> Float[Tensor, "b ..."]:
    """Sample.

    Args:
        model: takes noise away.
        noise: standard normal.
        generator: draws nothing.
        steps: of the method, of two calls of the network each but for the last.

    Raises:
        UsageError: the model's chain has fewer steps.
    """
    levels = model.levels(steps)
    x = begin(noise, levels)
    for now, then in pairs(levels):
        guess = model.denoise(x, now)
        left = noise_in(x, guess, now)
        x_then = then.alpha.to(x) * guess + then.sigma.to(x) * left
        if then.sigma > 0 and now.alpha > 0:
            # in u and s the slope is (u - D) / s, which is the noise left; then is back in x
            again = noise_in(x_then, model.denoise(x_then, then), then)
            step = then.sigma / then.alpha - now.sigma / now.alpha
            u = x / now.alpha.to(x) + step.to(x) * (left + again) / 2
            x_then = then.alpha.to(x) * u
        x = x_then
    return x
