"""Frames: how a model comes to its examples, picture by picture."""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.load.target import Target, as_signed
from cartograd.apps.verbs.generative_model import Generative
from cartograd.apps.verbs.guidance import guidance_of
from cartograd.apps.verbs.sample import Condition, along, bounded, shown, told_of
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import inferring
from cartograd.core.generative import Denoises, Level, NotSupported
from cartograd.core.spec import Spec
from cartograd.data.dataset.own_targets import noise as noise_of
from cartograd.generative.diffusion.denoiser import denoiser_of
from cartograd.generative.interpolation import between
from cartograd.generative.samplers.ddim import ddim

MOST = 200
"""Frames of a film."""


class Watched:
    """A denoiser that keeps what it guesses."""

    def __init__(self, denoiser: Denoises, /):
        self.denoiser = denoiser
        self.guesses: list[Tensor] = []

    def levels(self, steps: int, /) -> Level:
        """See `Denoises`."""
        return self.denoiser.levels(steps)

    def denoise(self, x: Float[Tensor, "b ..."], level: Level, /) -> Float[Tensor, "b ..."]:
        """See `Denoises`."""
        self.guesses.append(self.denoiser.denoise(x, level))
        return self.guesses[-1]


def frames(
    target: Target,
    count: int = 16,
    /,
    *,
    length: int = 24,
    condition: Condition = None,
    guidance: float | str | Spec = 1.0,
    seed: int = 0,
) -> Float[Tensor, "t b ..."]:
    """Films of examples.

    A diffusion model shows what it guesses behind the noise, step by step of DDIM; a model with
    codes walks from each example to the next, and from the last one back to the first.

    Args:
        target: a generative model with a signature, a run, a bundle, or the path of one.
        count: examples.
        length: frames.
        condition: the classes of the examples, of a diffusion model (see `sample`).
        guidance: of a diffusion model (see `sample`).
        seed: of the random numbers.

    Returns:
        Frames in the units of the model's port, on the CPU.

    Raises:
        NotSupported: the model neither takes noise away nor has codes.
        UsageError: a number is out of its range, or a class is unknown.
    """
    if not 2 <= length <= MOST:
        raise UsageError(f"length={length} frames make no film; expected 2 to {MOST}")
    model = as_signed(target)
    denoiser = denoiser_of(model.model)
    if denoiser is None:
        return _walk(Generative(model), count, length, seed)
    pull = guidance_of(guidance, model)
    y = told_of(model, condition, count, classes=pull.classes)
    watched = Watched(pull.of(model, denoiser, y))
    noise = noise_of(model.signature, torch.arange(count), seed=seed)
    port = model.signature.example
    with inferring(model):
        noise = noise.to(next(model.parameters()))
        along(model, noise, watched, partial(ddim, steps=length), torch.Generator())
        return torch.stack([bounded(shown(model, guess), port) for guess in watched.guesses])


def _walk(model: Generative, count: int, length: int, seed: int) -> Tensor:
    """From each example to the next, by their codes."""
    if "encode" not in model.capabilities():
        raise NotSupported(f"{model.name} makes no film: it neither takes noise away nor has codes")
    codes = model.encode(model.sample(count, seed=seed))
    ways = [between(a, b, length) for a, b in zip(codes, codes.roll(-1, 0), strict=True)]
    return torch.stack([model.decode(stage) for stage in torch.stack(ways, dim=1)])
