"""Sample: new examples of what a generative model has learned."""

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.load.named import check_sampler
from cartograd.apps.load.target import Target, as_signed, name_of
from cartograd.apps.verbs.conditions import Condition, told_of
from cartograd.apps.verbs.given import check_numbers
from cartograd.apps.verbs.guidance import Guidance, guidance_of
from cartograd.core import vocabulary
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import inferring
from cartograd.core.generative import (
    Denoises,
    Draws,
    DrawsCodes,
    Lacks,
    NotSupported,
    Sampler,
    Truncates,
)
from cartograd.core.ports import Port
from cartograd.core.signed import Signed, statistics
from cartograd.core.spec import Spec
from cartograd.data.dataset.own_targets import noise as noise_of
from cartograd.engine.device.device import pick
from cartograd.generative.diffusion.denoiser import Denoiser, denoiser_of

MOST = 100_000
"""Examples that are drawn at once."""

TOGETHER = 256
"""Examples that go through the network at once."""


def sample(
    target: Target,
    count: int = 16,
    /,
    *,
    condition: Condition = None,
    sampler: str | Spec | None = None,
    guidance: float | str | Spec = 1.0,
    seed: int = 0,
    temperature: float = 1.0,
    truncation: float = 1.0,
    device: str = "auto",
) -> Float[Tensor, "b ..."]:
    """Draw examples from a generative model.

    Args:
        target: a generative model with a signature, a run, a bundle, or the path of one.
        count: how many.
        condition: the class of all examples, by its name or number, or of each; for a model that
            knows classes. Those of the training take turns if left out. Of a model that reads texts
            the text of all or of each; the empty one if left out.
        sampler: spec of how a diffusion model goes from noise to an example, like `ddim:steps=50`
            or `dpm-solver-pp`; by default its own few steps of DDIM.
        guidance: of a diffusion model with classes: how much more an example is to be of its class;
            1 is the plain model, 0 the one without classes. Of any diffusion model, a classifier
            of noisy examples that pulls: `classifier:RUN,scale=3`.
        seed: of the random numbers; the same seed gives the same examples.
        temperature: below 1 keeps to likelier examples, all alike at 0.
        truncation: of a model with a mean style such as stylegan2: how much of its own style each
            example keeps; 1 is the plain model, below it they are more usual, at 0 all the same.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Returns:
        `count` examples in the units of the model's port, on the CPU.

    Raises:
        UsageError: the model draws no examples, has no such classes or samplers, or a number is out
            of its range.
    """
    check_numbers(
        "sample", count=(count, int), seed=(seed, int), temperature=(temperature, float),
        truncation=(truncation, float),
    )  # fmt: skip
    if not 1 <= count <= MOST:
        raise UsageError(f"count={count} examples cannot be drawn at once; expected 1 to {MOST:,}")
    if not 0 <= temperature < math.inf:
        raise UsageError(
            f"temperature={temperature} is out of range; expected a finite number of "
            "at least 0 (1 is the model's own)"
        )
    vocabulary.check("sample", "seed", seed)
    model = as_signed(target)
    pull = guidance_of(guidance, model)
    told = told_of(model, condition, count, classes=pull.classes)
    drawing = _drawing(model, sampler, pull, temperature)
    if truncation != 1:
        drawing = _truncated(model, truncation, temperature)
    model.to(chosen := pick(device))
    generator = torch.Generator().manual_seed(seed)
    parts = []
    with inferring(model):
        for start in range(0, count, TOGETHER):
            rows = torch.arange(start, min(start + TOGETHER, count))
            y = None if told is None else told[rows].to(chosen)
            parts.append(drawing(rows, y, seed, generator).cpu())
    return bounded(torch.cat(parts), model.signature.example)


def bounded(x: Float[Tensor, "b ..."], port: Port, /) -> Float[Tensor, "b ..."]:
    """Examples of the port's shape, within its bounds, on the CPU."""
    x = x.reshape(len(x), *(int(dim) for dim in port.dims)).cpu()
    return x if port.bounds is None else x.clamp(*port.bounds)


Drawing = Callable[[Tensor, Tensor | None, int, torch.Generator], Tensor]
"""From the numbers of the examples, their classes, the seed and a generator to the examples."""


def _drawing(
    model: Signed, sampler: str | Spec | None, guidance: Guidance, temperature: float
) -> Drawing:
    """How the model draws.

    Raises:
        UsageError: it does not, or not in this way.
    """
    inner: Any = model.model
    if model.signature.draws and (sampler is None and guidance == Guidance()):
        return _of_noise(model, temperature)
    denoiser = denoiser_of(inner)
    if denoiser is not None:
        usual = f"ddim:steps={denoiser.steps}"
        return _denoised(model, denoiser, sampler or usual, guidance, temperature)
    name = name_of(model)
    if sampler is not None or guidance != Guidance():
        word = f"sampler={sampler}" if sampler is not None else "guidance"
        raise UsageError(f"{word} is for diffusion models, and {name} is none; leave it out")
    if isinstance(inner, Lacks) and "sample" in inner.lacks:
        raise NotSupported(f"{name} draws no examples: {inner.lacks['sample']}")
    if model.signature.target != "example" or not isinstance(inner, Draws):
        raise UsageError(
            f"{name} draws no examples, its task is {model.signature.task.name!r}; expected a "
            "generative model, as `cartograd train real-nvp --data digits` makes one"
        )

    def own(rows: Tensor, y: Tensor | None, _: int, generator: torch.Generator) -> Tensor:
        told = {} if y is None else {"y": y}
        x = inner.sample(len(rows), generator, temperature=temperature, **told)
        return in_units(x, model.signature.example)

    return own


def _of_noise(model: Signed, temperature: float) -> Drawing:
    """By the model's own way from noise to an example."""

    def drawing(rows: Tensor, y: Tensor | None, seed: int, _: torch.Generator) -> Tensor:
        weight = next(model.parameters())
        noise = temperature * noise_of(model.signature, rows, seed=seed).to(weight)
        return model(noise) if y is None else model(noise, y)

    return drawing


def _truncated(model: Signed, truncation: float, temperature: float) -> Drawing:
    """Towards the usual example.

    Raises:
        UsageError: the model has no such way.
    """
    inner: Any = model.model
    if not isinstance(inner, Truncates):
        raise UsageError(
            f"truncation={truncation} is for models with a mean style such as stylegan2, and "
            f"{name_of(model)} is none; leave it out"
        )

    if not math.isfinite(truncation):
        raise UsageError(f"truncation={truncation} is no finite number; 1 is the plain model")

    def drawing(rows: Tensor, y: Tensor | None, seed: int, _: torch.Generator) -> Tensor:
        weight = next(model.parameters())
        noise = temperature * noise_of(model.signature, rows, seed=seed).to(weight)
        told = () if y is None else (y,)
        return in_units(inner.truncated(noise, truncation, *told), model.signature.example)

    return drawing


def _denoised(
    model: Signed, denoiser: Denoiser, sampler: str | Spec, guidance: Guidance, temperature: float
) -> Drawing:
    """By a sampler along a denoiser's path.

    Raises:
        UsageError: there is no such sampler, the path is too short for it, or there are no classes
            to be guided by.
    """
    spec = Spec.parse(sampler)
    check_sampler(spec)
    made = build(spec, kind="sampler")
    if guidance.weight != 1 and not denoiser.told:
        raise UsageError(
            f"guidance={guidance.weight:g} is towards a class, and {name_of(model)} was trained "
            "without; leave it out, or name a classifier: classifier:RUN"
        )
    denoiser.levels(made.keywords.get("steps", 1))

    def drawing(rows: Tensor, y: Tensor | None, seed: int, generator: torch.Generator) -> Tensor:
        weight = next(model.parameters())
        noise = temperature * noise_of(model.signature, rows, seed=seed).to(weight)
        return along(
            model, noise, guidance.of(model, denoiser, y, solver=spec.name), made, generator
        )

    return drawing


def along(
    model: Signed,
    noise: Tensor,
    denoises: Denoises,
    sampler: Sampler,
    generator: torch.Generator,
    /,
) -> Tensor:
    """Examples of noise, by a sampler on a denoiser of them or of their codes."""
    inner: Any = model.model
    noise = inner.begun(noise) if isinstance(inner, DrawsCodes) else noise
    return shown(model, sampler(denoises, noise, generator))


def shown(model: Signed, x: Tensor, /) -> Tensor:
    """What was denoised, examples or their codes, as examples in the units of the port."""
    inner: Any = model.model
    x = inner.decoded(x) if isinstance(inner, DrawsCodes) else x
    return in_units(x, model.signature.output)


def in_units(x: Tensor, port: Port) -> Tensor:
    """Examples as the port has them, of standardised ones."""
    if not port.mean:
        return x
    mean, std = (one.to(x) for one in statistics(port))
    return x.reshape(len(x), *(int(dim) for dim in port.dims)) * std + mean
