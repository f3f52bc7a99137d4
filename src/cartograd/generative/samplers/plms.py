"""PLMS: DDIM's steps by a mean of the noises that were guessed at the last four levels.

DDIM takes the noise for constant from one level to the next. Adams and Bashforth's multistep
formula foresees how it changes, from what was seen on the way, without a further call of the
network; only the first step is taken twice, by the mean of both of its ends.

    noise' = (55 e_0 - 59 e_1 + 37 e_2 - 9 e_3) / 24,    e_k guessed k levels before
    x_s = (alpha_s / alpha_t) (x - sigma_t noise') + sigma_s noise'

Shapes: noise `b ...`; examples alike.

Departures: it begins as the authors' PLMS of latent diffusion, by one step of improved Euler, not
by Runge and Kutta's. From a level where nothing of the example is left, the step is DDIM's.

References:
    Luping Liu, Yi Ren, Zhijie Lin, Zhou Zhao. Pseudo numerical methods for diffusion models on
    manifolds. ICLR 2022. https://arxiv.org/abs/2202.09778

>>> import torch
>>> from cartograd.generative.diffusion.flow_matching import FlowMatching
>>> model = FlowMatching(features=2, width=8).denoiser
>>> plms(model, torch.randn(3, 2), torch.Generator(), steps=4).shape
torch.Size([3, 2])
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.generative import Denoises, Level
from cartograd.generative.samplers.steps import begin, noise_in, pairs

CARD = Card(
    name="plms",
    aliases=("pndm",),
    kind="sampler",
    entry="plms",
    nodes=("diffusion/ddim",),
    title="PLMS (pseudo linear multistep)",
    zh="PLMS（伪线性多步法）",
    paper="Pseudo numerical methods for diffusion models on manifolds",
    year=2022,
    url="https://arxiv.org/abs/2202.09778",
    proofs=(
        "law: on a Gaussian it is nearer to the exact flow than DDIM by as many calls",
        "oracle: diffusers' PNDMScheduler without Runge-Kutta steps, step by step, to 1e-5",
    ),
)

SHARES = (
    (1.0,),
    (3 / 2, -1 / 2),
    (23 / 12, -16 / 12, 5 / 12),
    (55 / 24, -59 / 24, 37 / 24, -9 / 24),
)
"""Of the newest noise and those before it, by how many there are."""


def plms(
    model: Denoises,
    noise: Float[Tensor, "b ..."],
    generator: torch.Generator,  # noqa: ARG001
    /,
    *,
    steps: int = 50,
) -> Float[Tensor, "b ..."]:
    """Sample.

    Args:
        model: takes noise away.
        noise: standard normal.
        generator: draws nothing.
        steps: of the method, of one call of the network each and one more.

    Raises:
        UsageError: the model's chain has fewer steps.
    """
    levels = model.levels(steps)
    x, seen = begin(noise, levels), list[Tensor]()
    for now, then in pairs(levels):
        guess = model.denoise(x, now)
        left = noise_in(x, guess, now)
        if now.alpha == 0:
            x = then.alpha.to(x) * guess + then.sigma.to(x) * left
            continue
        seen = [left, *seen[:3]]
        shares = zip(SHARES[len(seen) - 1], seen, strict=True)
        foreseen = sum((share * one for share, one in shares), torch.zeros_like(x))
        if len(seen) == 1 and then.sigma > 0:
            ahead = _moved(x, left, now, then)
            foreseen = (left + noise_in(ahead, model.denoise(ahead, then), then)) / 2
        x = _moved(x, foreseen, now, then)
    return x


def _moved(x: Tensor, noise: Tensor, now: Level, then: Level) -> Tensor:
    """DDIM's step, if this is the noise in `x`."""
    ratio = then.alpha / now.alpha
    return ratio.to(x) * x + (then.sigma - ratio * now.sigma).to(x) * noise
