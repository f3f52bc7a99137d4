"""Frames: how a model comes to its examples, picture by picture."""

from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.load.target import Target, as_signed, name_of
from cartograd.apps.verbs.conditions import Condition, told_of
from cartograd.apps.verbs.generative_model import Generative
from cartograd.apps.verbs.given import check_numbers
from cartograd.apps.verbs.guidance import Guidance, guidance_of
from cartograd.apps.verbs.sample import along, bounded, shown
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

    A diffusion model shows what it guesses behind the noise, step by step of DDIM; one that has
    noise or codes walks from each example to the next, and from the last one back to the first.

    Args:
        target: a generative model with a signature, a run, a bundle, or the path of one.
        count: examples.
        length: frames.
        condition: the classes of the examples (see `sample`); a walk is within one.
        guidance: of a diffusion model (see `sample`).
        seed: of the random numbers.

    Returns:
        Frames in the units of the model's port, on the CPU.

    Raises:
        NotSupported: the model neither takes noise away nor has codes.
        UsageError: a number is out of its range, or a class is unknown.
    """
    _check_length(length, count)
    model = as_signed(target)
    if denoiser_of(model.model) is None:
        if guidance_of(guidance, model) != Guidance():
            raise UsageError(
                f"guidance={guidance} is for diffusion models, and {name_of(model)} is none; leave "
                "it out"
            )
        return walk(model, count, length=length, condition=condition, seed=seed)
    return guesses(model, count, length=length, condition=condition, guidance=guidance, seed=seed)


def guesses(
    target: Target,
    count: int = 4,
    /,
    *,
    length: int = 9,
    condition: Condition = None,
    guidance: float | str | Spec = 1.0,
    seed: int = 0,
) -> Float[Tensor, "t b ..."]:
    """What a diffusion model guesses behind the noise, step by step of DDIM; see `frames`.

    Raises:
        NotSupported: the model is of another family.
        UsageError: as there.
    """
    _check_length(length, count)
    model = as_signed(target)
    denoiser = denoiser_of(model.model)
    if denoiser is None:
        raise NotSupported(f"{name_of(model)} takes no noise away: it is no diffusion model")
    pull = guidance_of(guidance, model)
    y = told_of(model, condition, count, classes=pull.classes)
    watched = Watched(pull.of(model, denoiser, y))
    noise = noise_of(model.signature, torch.arange(count), seed=seed)
    port = model.signature.example
    with inferring(model):
        noise = noise.to(next(model.parameters()))
        along(model, noise, watched, partial(ddim, steps=length), torch.Generator())
        return torch.stack([bounded(shown(model, guess), port) for guess in watched.guesses])


def walk(
    target: Target,
    count: int = 4,
    /,
    *,
    length: int = 9,
    condition: Condition = None,
    seed: int = 0,
) -> Float[Tensor, "t b ..."]:
    """From each example to the next, and from the last one to the first, by what they are made of.

    That is noise, or the codes of drawn examples. All are of one class, where there are classes.

    Args:
        target: a generative model with a signature, a run, a bundle, or the path of one.
        count: examples.
        length: stages of each way, both ends included.
        condition: the class of all of them; the first one if left out.
        seed: of the random numbers.

    Raises:
        NotSupported: the model has neither codes nor noise that an example is made of.
        UsageError: a number is out of its range, or a class is unknown.
    """
    _check_length(length, count)
    model = Generative(target)
    signature = model.model.signature
    if condition is None and signature.condition is not None:
        condition = signature.condition.seen[0]
    if not isinstance(condition, str | int | None):
        raise UsageError(f"a walk is within one class; {len(condition)} were given")
    if signature.draws:
        codes, made = noise_of(signature, torch.arange(count), seed=seed), partial(_made, model)
    elif "encode" in model.capabilities():
        drawn = model.sample(count, condition=condition, seed=seed)
        codes, made = model.encode(drawn, condition=condition), model.decode
    else:
        raise NotSupported(f"{model.name} has no codes, so there is no way between its examples")
    ways = [between(a, b, length) for a, b in zip(codes, codes.roll(-1, 0), strict=True)]
    return torch.stack([made(z, condition=condition) for z in torch.stack(ways, dim=1)])


def _made(model: Generative, noise: Tensor, *, condition: Condition) -> Tensor:
    """Examples of noise, in the units of the port."""
    signed, weight = model.model, next(model.model.parameters())
    y = told_of(signed, condition, len(noise))
    told = () if y is None else (y.to(weight.device),)
    with inferring(signed):
        return bounded(signed(noise.to(weight), *told), signed.signature.example)


def _check_length(length: int, count: int) -> None:
    check_numbers("frames", length=(length, int), count=(count, int))
    if count < 1:
        raise UsageError(f"count={count} examples make no film; expected at least 1")
    if not 2 <= length <= MOST:
        raise UsageError(f"length={length} frames make no film; expected 2 to {MOST}")
