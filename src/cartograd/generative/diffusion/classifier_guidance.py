"""Classifier guidance: steps are pulled to where a classifier sees the asked class.

The classifier knows noisy examples (objective `noisy-classify`). The gradient of its
log-probability moves the noise that is predicted, and so the guessed example; a step that is drawn
moves its mean by its own variance:

    g = grad log p(y | x_t),    noise' = noise - s sigma g,    D' = D + s (sigma^2 / alpha) g
    mean' = mean + s variance g

Departures: where nothing is left of the example no class can be seen, and nothing is moved.

References:
    Prafulla Dhariwal, Alex Nichol. Diffusion models beat GANs on image synthesis. NeurIPS 2021.
    https://arxiv.org/abs/2105.05233
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.generative import Level
from cartograd.generative.diffusion.denoiser import Conditioned
from cartograd.generative.diffusion.reverse import noise_between

Classifier = Callable[[Tensor], Tensor]


class ClassifierGuided:
    """A denoiser whose guesses are moved by a classifier.

    Args:
        model: takes noise away.
        classifier: from standardised mixtures of example and noise of length one to logits.
        y: the class that is asked for, of each example.
        scale: `s`; 1 is the classifier's own probability.
    """

    def __init__(
        self, model: Conditioned, classifier: Classifier, y: Int[Tensor, " b"], /, *, scale: float
    ):
        self.model, self.classifier, self.y, self.scale = model, classifier, y, scale

    def levels(self, steps: int, /) -> Level:
        """See `Denoises`."""
        return self.model.levels(steps)

    def denoise(self, x: Float[Tensor, "b ..."], level: Level, /) -> Float[Tensor, "b ..."]:
        """See `Denoises`."""
        guess = self.model.denoise(x, level)
        if level.alpha == 0:
            return guess
        by = float(level.sigma**2 / level.alpha)
        return self.model.kept(guess + self.scale * by * self.gradient(x, level))

    def reverse(
        self, x: Float[Tensor, "b ..."], now: Level, then: Level, /
    ) -> tuple[Float[Tensor, "b ..."], Float[Tensor, "..."]]:
        """See `Reverses`: the guess by which the mean of the step moves by its variance."""
        guess, log_variance = self.model.reverse(x, now, then)
        if now.alpha == 0:
            return guess, log_variance
        share = float(then.alpha * noise_between(now, then) / now.sigma**2)
        moved = self.scale / share * log_variance.exp().to(x) * self.gradient(x, now)
        return guess + moved, log_variance

    def gradient(self, x: Float[Tensor, "b ..."], level: Level, /) -> Float[Tensor, "b ..."]:
        """Of the log-probability of the asked classes, by the noisy examples."""
        length = math.hypot(float(level.alpha), float(level.sigma))
        with torch.inference_mode(mode=False), torch.enable_grad():
            seen, y = (x / length).clone().requires_grad_(), self.y.clone()
            logs = self.classifier(seen).log_softmax(1).gather(1, y[:, None])
            (found,) = torch.autograd.grad(logs.sum(), seen)
        return found / length
