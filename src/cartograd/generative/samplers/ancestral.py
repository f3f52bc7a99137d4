"""DDPM's ancestral sampling: back along the chain, each step drawn from its posterior.

It is DDIM with all of the new noise (`eta` 1); over all steps of the chain it is the paper's
algorithm 2, with the smaller of its two variances. A model that has learned its variances draws
with these.

Shapes: noise `b ...`; examples alike.

Departures: fewer steps than the chain has are spaced evenly.

References:
    Jonathan Ho, Ajay Jain, Pieter Abbeel. Denoising diffusion probabilistic models. NeurIPS 2020.
    https://arxiv.org/abs/2006.11239
    Alex Nichol, Prafulla Dhariwal. Improved denoising diffusion probabilistic models. ICML 2021.
    https://arxiv.org/abs/2102.09672

>>> import torch
>>> from cartograd.generative.diffusion.flow_matching import FlowMatching
>>> model = FlowMatching(features=2, width=8).denoiser
>>> ancestral(model, torch.randn(3, 2), torch.Generator(), steps=4).shape
torch.Size([3, 2])
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.generative import Denoises
from cartograd.generative.diffusion.reverse import Reverses, mean_back
from cartograd.generative.samplers.ddim import ddim
from cartograd.generative.samplers.steps import begin, fresh, pairs

CARD = Card(
    name="ancestral",
    kind="sampler",
    entry="ancestral",
    nodes=("diffusion/ddpm",),
    title="Ancestral sampling",
    zh="祖先采样",
    paper="Denoising diffusion probabilistic models",
    year=2020,
    url="https://arxiv.org/abs/2006.11239",
    proofs=(
        "law: on a Gaussian its variance follows the exact recursion, to 1e-12",
        "law: it is DDIM with eta 1 on every path, to 1e-11",
        "oracle: diffusers' DDPMScheduler step by step with the same noise, to 1e-5",
    ),
)


def ancestral(
    model: Denoises,
    noise: Float[Tensor, "b ..."],
    generator: torch.Generator,
    /,
    *,
    steps: int = 100,
) -> Float[Tensor, "b ..."]:
    """Sample.

    Args:
        model: takes noise away.
        noise: standard normal.
        generator: of the noise of each step.
        steps: calls of the network.

    Raises:
        UsageError: the model's chain has fewer steps.
    """
    if not isinstance(model, Reverses):
        return ddim(model, noise, generator, steps=steps, eta=1.0)
    levels = model.levels(steps)
    x = begin(noise, levels)
    for now, then in pairs(levels):
        guess, log_variance = model.reverse(x, now, then)
        x = mean_back(x, guess, now, then)
        if then.sigma > 0:
            x = x + (log_variance / 2).exp().to(x) * fresh(x, generator)
    return x
