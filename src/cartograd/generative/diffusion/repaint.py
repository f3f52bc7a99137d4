"""RePaint: what is missing of an example is made up to fit what is known.

At every level the known part is the example with that much noise, and the rest comes from the
denoiser's step. Going back up a level and down again, several times, lets both agree.

References:
    Andreas Lugmayr, Martin Danelljan, Andres Romero, Fisher Yu, Radu Timofte, Luc Van Gool.
    RePaint: inpainting using denoising diffusion probabilistic models. CVPR 2022.
    https://arxiv.org/abs/2201.09865
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.generative import Denoises, Level
from cartograd.generative.samplers.ddim import step
from cartograd.generative.samplers.steps import fresh, pairs


def repaint(
    model: Denoises,
    x: Float[Tensor, "b ..."],
    known: Float[Tensor, "b ..."],
    generator: torch.Generator,
    /,
    *,
    steps: int = 50,
    again: int = 5,
) -> Float[Tensor, "b ..."]:
    """Whole examples.

    Args:
        model: takes noise away.
        x: examples; what is not known of them does not count.
        known: 1 where they are known, else 0; broadcast to them.
        generator: of all noise.
        steps: levels of noise.
        again: how often each level is gone down to.

    Raises:
        UsageError: the model's chain has fewer steps.
    """
    levels = model.levels(steps)
    filled = levels.sigma[0].to(x) * fresh(x, generator)
    for now, then in pairs(levels):
        for turn in range(again):
            filled = step(model, filled, now, then, generator, eta=1.0)
            filled = torch.where(known > 0, _noisy(x, then, generator), filled)
            if turn + 1 < again and then.sigma > 0:
                filled = _back(filled, then, now, generator)
    return filled


def _noisy(x: Tensor, level: Level, generator: torch.Generator) -> Tensor:
    if level.sigma == 0:
        return x
    return level.alpha.to(x) * x + level.sigma.to(x) * fresh(x, generator)


def _back(x: Tensor, now: Level, to: Level, generator: torch.Generator) -> Tensor:
    """A level of less noise with the noise that it lacks."""
    ratio = to.alpha / now.alpha
    lacks = (to.sigma**2 - (ratio * now.sigma) ** 2).clamp_min(0).sqrt()
    return ratio.to(x) * x + lacks.to(x) * fresh(x, generator)
