"""Multistep consistency sampling: answer, add noise again, answer again.

A consistency model's one call leads from noise to an example. With the noise of a lower level on
top of it the next call can mend what the first one got wrong.

    x = f(x_t, s_t),    x_s = alpha_s x + sqrt(s^2 - s_min^2) noise

Shapes: noise `b ...`; examples alike.

Departures: levels are the path's own, evenly spaced by its rule above the least; the paper searches
for the best ones of each data set.

References:
    Yang Song, Prafulla Dhariwal, Mark Chen, Ilya Sutskever. Consistency models. ICML 2023.
    https://arxiv.org/abs/2303.01469

>>> from cartograd.generative.diffusion.consistency import ConsistencyModel
>>> model = ConsistencyModel(features=2, width=8).denoiser
>>> multistep_consistency(model, torch.randn(3, 2), torch.Generator(), steps=2).shape
torch.Size([3, 2])
"""

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.generative import Denoises, Level
from cartograd.generative.samplers.steps import begin, fresh

CARD = Card(
    name="multistep-consistency",
    kind="sampler",
    entry="multistep_consistency",
    nodes=("diffusion/ddim",),
    title="Multistep consistency sampling",
    zh="多步一致性采样",
    paper="Consistency models",
    year=2023,
    url="https://arxiv.org/abs/2303.01469",
    proofs=("law: of a single step it is the model's one answer; so many calls as steps",),
)


def multistep_consistency(
    model: Denoises,
    noise: Float[Tensor, "b ..."],
    generator: torch.Generator,
    /,
    *,
    steps: int = 2,
) -> Float[Tensor, "b ..."]:
    """Sample.

    Args:
        model: answers with the end of the way.
        noise: standard normal.
        generator: of the noise of each further step.
        steps: calls of the network.

    Raises:
        UsageError: the model's chain has fewer steps.
    """
    table = model.levels(steps + 1)
    levels = [Level(table.alpha[i], table.sigma[i], table.time[i]) for i in range(steps + 1)]
    *chosen, least = levels
    x = model.denoise(begin(noise, table), chosen[0])
    for level in chosen[1:]:
        again = (level.sigma**2 - least.sigma**2).clamp_min(0).sqrt()
        x = model.denoise(level.alpha.to(x) * x + again.to(x) * fresh(x, generator), level)
    return x
