"""DiffPure: noise is added until it drowns the attack, and a diffusion model takes it out again.

    z = alpha_t x + sigma_t e,   then from t down to 0 by a sampler

The more noise, the less is left of the attack, and the less of what the input was.

Shapes: as the diffusion model's.

Departures: the way back is DDIM in a few steps (what noise is left is the one that was guessed),
where the paper solves the stochastic differential equation. No gradient is kept on the way.

References:
    Weili Nie, Brandon Guo, Yujia Huang, Chaowei Xiao, Arash Vahdat, Anima Anandkumar. Diffusion
    models for adversarial purification. ICML 2022. https://arxiv.org/abs/2205.07460

>>> DiffPure.__name__
'DiffPure'
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import inferring
from cartograd.core.generative import DrawsCodes
from cartograd.core.signed import statistics
from cartograd.frontier.security.purifiers.magnet import checked, fitting
from cartograd.generative.diffusion.denoiser import Conditioned, denoiser_of, noisy
from cartograd.generative.samplers.steps import fresh, noise_in, pairs

CARD = Card(
    name="diffpure",
    kind="purifier",
    entry="DiffPure",
    nodes=("defense/purification",),
    title="DiffPure (diffusion)",
    zh="DiffPure 扩散净化",
    paper="Diffusion models for adversarial purification",
    year=2022,
    url="https://arxiv.org/abs/2205.07460",
    proofs=(
        "law: where all data are one point, every input becomes that point; the fewer steps back, "
        "the nearer it stays to the input; the same generator gives the same",
    ),
    tiny={},
)


class DiffPure:
    """Inputs with noise that a diffusion model takes out.

    Args:
        run: of a diffusion model of the same data.
        share: of the path from examples to noise that is walked there and back.
        steps: of the whole path, of which that share is walked.
    """

    def __init__(self, *, run: Any = None, share: float = 0.2, steps: int = 50):
        self.model = checked("diffpure", run)
        found = denoiser_of(self.model.model)
        if found is None or isinstance(self.model.model, DrawsCodes):
            raise UsageError(
                "diffpure needs the run of a diffusion model of examples, not of codes: cartograd "
                "train ddpm --data DATA, then diffpure:run=RUN"
            )
        self.denoiser, self.back = found, max(1, round(share * steps))
        self.steps = found.within(steps)

    def __call__(
        self, x: Float[Tensor, "b ..."], generator: torch.Generator, /
    ) -> Float[Tensor, "b ..."]:
        """Purified inputs.

        Raises:
            UsageError: the model makes examples of another shape.
        """
        port = fitting("diffpure", self.model, x)
        mean, std = (one.to(x) for one in statistics(port))
        guided = Conditioned(self.denoiser, None)
        way = list(pairs(guided.levels(self.steps)))[-self.back :]
        with inferring(self.model):
            standard = ((x.detach() - mean) / std).to(self.model.output_mean.device)
            z = noisy(standard, fresh(standard, generator), way[0][0])
            for now, then in way:
                guess = guided.denoise(z, now)
                z = noisy(guess, noise_in(z, guess, now), then)
        found = z.to(x.device, copy=True) * std + mean
        return found.clamp(*port.bounds) if port.bounds else found
