"""The midpoint method of flow matching: half a step to find the slope, a whole one with it.

Along a straight path the velocity is what the noise leaves less what the example is.

    x' = x + (s - t)/2 v(x, t),    x_s = x + (s - t) v(x', (s + t)/2),    v = noise - D

Shapes: noise `b ...`; examples alike.

Departures: none.

References:
    Yaron Lipman, Ricky Chen, Heli Ben-Hamu, Maximilian Nickel, Matt Le. Flow matching for
    generative modeling. ICLR 2023. https://arxiv.org/abs/2210.02747

>>> import torch
>>> from cartograd.generative.diffusion.flow_matching import FlowMatching
>>> model = FlowMatching(features=2, width=8).denoiser
>>> midpoint(model, torch.randn(3, 2), torch.Generator(), steps=4).shape
torch.Size([3, 2])
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.generative import Denoises, Level
from cartograd.generative.samplers.steps import begin, noise_in, pairs

CARD = Card(
    name="midpoint",
    kind="sampler",
    entry="midpoint",
    nodes=("diffusion/ddim",),
    title="Midpoint method",
    zh="中点法",
    paper="Flow matching for generative modeling",
    year=2023,
    url="https://arxiv.org/abs/2210.02747",
    proofs=("law: on a Gaussian the error falls to a quarter as the steps double",),
)


def midpoint(
    model: Denoises,
    noise: Float[Tensor, "b ..."],
    generator: torch.Generator,  # noqa: ARG001
    /,
    *,
    steps: int = 10,
) -> Float[Tensor, "b ..."]:
    """Sample.

    Args:
        model: takes noise away along a straight path.
        noise: standard normal.
        generator: draws nothing.
        steps: of the method, of two calls of the network each.

    Raises:
        UsageError: the path is not straight.
    """
    levels = model.levels(steps)
    if not torch.allclose(levels.alpha + levels.sigma, torch.ones_like(levels.alpha)):
        raise UsageError(
            "midpoint goes along straight paths, as those of flow-matching; expected heun or "
            "dpm-solver-pp for this model"
        )
    x = begin(noise, levels)
    for now, then in pairs(levels):
        half = Level(
            (now.alpha + then.alpha) / 2, (now.sigma + then.sigma) / 2, (now.time + then.time) / 2
        )
        step = (then.sigma - now.sigma).to(x)
        there = x + step / 2 * _velocity(model, x, now)
        x = x + step * _velocity(model, there, half)
    return x


def _velocity(model: Denoises, x: Tensor, level: Level) -> Tensor:
    guess = model.denoise(x, level)
    return noise_in(x, guess, level) - guess
