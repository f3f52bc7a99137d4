"""DDIM inversion: the noise from which DDIM makes an example, step by step back up the path.

A step of DDIM goes from `x_t` to `x_s`; its inverse is the `x_t` that is led to `x_s`. It stands on
both sides of the step's formula, and is found by putting each guess in again: by the noise that is
predicted where there is little of it, by the example where there is much.

    x_t = (alpha_t / alpha_s) (x_s - sigma_s noise(x_t)) + sigma_t noise(x_t)
    x_t = (sigma_t / sigma_s) (x_s - alpha_s D(x_t)) + alpha_t D(x_t)

References:
    Jiaming Song, Chenlin Meng, Stefano Ermon. Denoising diffusion implicit models. ICLR 2021.
    https://arxiv.org/abs/2010.02502
    Zhihong Pan, Riccardo Gherardi, Xiufeng Xie, Stephen Huang. Effective real image editing with
    accelerated iterative diffusion inversion. ICCV 2023. https://arxiv.org/abs/2309.04907
"""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.generative import Denoises, Level
from cartograd.generative.samplers.steps import noise_in, pairs

AGAIN = 4
"""How often a guess is put in again."""


def invert(
    model: Denoises, x: Float[Tensor, "b ..."], /, *, steps: int = 50
) -> Float[Tensor, "b ..."]:
    """The standard normal noise that DDIM leads to each example in as many steps.

    Raises:
        UsageError: the model's chain has fewer steps.
    """
    levels = model.levels(steps)
    for noisier, cleaner in reversed(list(pairs(levels))):
        x = _back(model, x, cleaner, noisier)
    return x / levels.sigma[0].to(x)


def _back(model: Denoises, x: Tensor, now: Level, to: Level) -> Tensor:
    """From a level to a noisier one."""
    little = bool(now.sigma <= now.alpha)
    ratio = (to.alpha / now.alpha if little else to.sigma / now.sigma).to(x)
    there = ratio * x
    for _ in range(AGAIN):
        guess = model.denoise(there, to)
        if little:
            noise = noise_in(there, guess, to)
            there = ratio * (x - now.sigma.to(x) * noise) + to.sigma.to(x) * noise
        else:
            there = ratio * (x - now.alpha.to(x) * guess) + to.alpha.to(x) * guess
    return there
