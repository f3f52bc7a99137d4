"""The density of an example under a diffusion model, by the flow that leads it to noise.

Without noise on the way, examples and noise are two ends of an ordinary differential equation, so
the density changes by its divergence. Scaled to length one, example and noise are mixed by an
angle, `w = cos(p) x + sin(p) noise` with `tan(p) = sigma / alpha`, and turn into each other:

    dw/dp = cos(p) noise - sin(p) D
    log p(x) = log N(w_1; cos(p_1) D, sin(p_1)^2) + integral of div dp

from the least noise of the path to the most, by Heun's method. Of few numbers the divergence is
exact; of many it is the mean over random signs `e` of `e . J e` (Hutchinson), with its error. An
example with the least noise stands for the example itself.

References:
    Yang Song and others. Score-based generative modeling through stochastic differential equations.
    ICLR 2021. https://arxiv.org/abs/2011.13456
"""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.generative import Denoises, Level, Likelihood
from cartograd.generative.samplers.steps import pairs

EXACT = 64
"""Most numbers of an example whose divergence is summed one by one."""


def ode_likelihood(
    model: Denoises,
    x: Float[Tensor, "b ..."],
    /,
    *,
    steps: int = 100,
    probes: int = 4,
    seed: int = 0,
) -> Likelihood:
    """The log-density of each example, in nats.

    Args:
        model: takes noise away.
        x: examples, standardised as the model's are.
        steps: of Heun's method.
        probes: random signs for each example of more than 64 numbers.
        seed: of these.

    Raises:
        UsageError: the model's chain has fewer steps.
    """
    dims = math.prod(x.shape[1:])
    if dims <= EXACT:
        return Likelihood(_log_density(model, x, steps, _exact), "ode", dims)
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(probes):
        signs = torch.randint(0, 2, x.shape, generator=generator).to(x) * 2 - 1
        found.append(_log_density(model, x, steps, lambda f, u, e=signs: _probed(f, u, e)))
    nats = torch.stack(found)
    error = nats.std(0) / math.sqrt(probes) if probes > 1 else torch.full_like(nats[0], math.inf)
    return Likelihood(nats.mean(0), "ode", dims, error)


Slope = Callable[[Tensor], Tensor]
Divergence = Callable[[Slope, Tensor], tuple[Tensor, Tensor]]


def _log_density(model: Denoises, x: Tensor, steps: int, divergence: Divergence) -> Tensor:
    levels = [now for now, _ in pairs(model.levels(steps))][::-1]
    w, total = x, x.new_zeros(len(x))
    slope, spread = divergence(_turning(model, levels[0]), w)
    for now, then in pairwise(levels):
        step = _angle(then) - _angle(now)
        there, ahead = w + step * slope, _turning(model, then)
        next_slope, next_spread = divergence(ahead, there)
        w = w + step / 2 * (slope + next_slope)
        total = total + step / 2 * (spread + next_spread)
        slope, spread = divergence(ahead, w)
    end = levels[-1]
    noise = (w - math.cos(_angle(end)) * _guess(model, w, end)) / math.sin(_angle(end))
    each = 0.5 * math.log(2 * math.pi) + math.log(math.sin(_angle(end)))
    return total - (0.5 * noise.square() + each).flatten(1).sum(1)


def _angle(level: Level) -> float:
    return math.atan2(float(level.sigma), float(level.alpha))


def _guess(model: Denoises, w: Tensor, level: Level) -> Tensor:
    """The example behind a mixture of length one."""
    return model.denoise(math.hypot(float(level.sigma), float(level.alpha)) * w, level)


def _turning(model: Denoises, level: Level) -> Slope:
    """The direction of the flow by the angle."""
    cos, sin = math.cos(_angle(level)), math.sin(_angle(level))

    def slope(w: Tensor) -> Tensor:
        guess = _guess(model, w, level)
        return cos * (w - cos * guess) / sin - sin * guess

    return slope


def _exact(slope: Slope, u: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        u = u.detach().requires_grad_()
        found = slope(u)
        flat = found.flatten(1).sum(0)
        rows = [
            torch.autograd.grad(flat[i], u, retain_graph=True)[0].flatten(1)[:, i]
            for i in range(len(flat))
        ]
    return found.detach(), torch.stack(rows, dim=1).sum(1)


def _probed(slope: Slope, u: Tensor, signs: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        u = u.detach().requires_grad_()
        found = slope(u)
        (back,) = torch.autograd.grad((found * signs).sum(), u)
    return found.detach(), (back * signs).flatten(1).sum(1)
