"""Codes of examples and examples of codes, standardised both, for any family of models."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.apps.load.target import name_of
from cartograd.apps.verbs.capabilities import capabilities_of, reason
from cartograd.core.eval_mode import evaluating, inferring
from cartograd.core.generative import Fills, NotSupported
from cartograd.core.signed import Signed
from cartograd.generative import projection
from cartograd.generative.diffusion.denoiser import Conditioned, denoiser_of
from cartograd.generative.diffusion.inversion import invert
from cartograd.generative.diffusion.repaint import repaint
from cartograd.generative.samplers.ddim import ddim

STEPS = 50
"""Of the flow between examples and noise, unless told otherwise."""

TOGETHER = 64
"""Examples whose noise is looked for at once."""


def encoded(
    model: Signed,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"] | None,
    /,
    *,
    steps: int | None = None,
) -> Float[Tensor, "b ..."]:
    """The code of each example; see `Generative.encode`.

    Raises:
        NotSupported: the model has no codes.
    """
    _check(model, "encode")
    network: Any = model.model
    if model.signature.draws and denoiser_of(network) is None:
        return searched(model, x, y, steps=steps)
    with inferring(model):
        if (denoiser := denoiser_of(network)) is not None:
            return invert(
                Conditioned(denoiser, y, limited=False), x, steps=steps or denoiser.within(STEPS)
            )
        return network.encode(x, *_told(y))


def decoded(
    model: Signed,
    z: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"] | None,
    /,
    *,
    steps: int | None = None,
) -> Float[Tensor, "b ..."]:
    """The example of each code; see `Generative.decode`.

    Raises:
        NotSupported: the model has no codes.
    """
    _check(model, "decode")
    network: Any = model.model
    with inferring(model):
        if (denoiser := denoiser_of(network)) is not None:
            plain = Conditioned(denoiser, y, limited=False)
            return ddim(plain, z, torch.Generator(), steps=steps or denoiser.within(STEPS))
        return network(z, *_told(y)) if model.signature.draws else network.decode(z, *_told(y))


def completed(
    model: Signed,
    x: Float[Tensor, "b ..."],
    mask: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"] | None,
    /,
    *,
    seed: int = 0,
) -> Float[Tensor, "b ..."]:
    """Whole examples, of which what the mask marks was known, in the way of the family.

    Raises:
        NotSupported: the model cannot.
    """
    _check(model, "inpaint")
    network: Any = model.model
    denoiser, generator = denoiser_of(network), torch.Generator().manual_seed(seed)
    if denoiser is None and not isinstance(network, Fills):
        return decoded(model, searched(model, x, y, known=mask, seed=seed), y)
    with inferring(model):
        if denoiser is not None:
            plain = Conditioned(denoiser, y)
            return repaint(plain, x, mask, generator, steps=denoiser.within(STEPS))
        return network.inpaint(x, mask, generator, *_told(y))


def searched(
    model: Signed,
    x: Float[Tensor, "b ..."],
    y: Int[Tensor, " b"] | None,
    /,
    *,
    known: Float[Tensor, "b ..."] | None = None,
    steps: int | None = None,
    seed: int = 0,
) -> Float[Tensor, "b ..."]:
    """The noise of which a generator comes nearest to (what is known of) each example."""
    latent = tuple(int(dim) for dim in model.signature.input.dims)
    found = []
    with evaluating(model):
        for start in range(0, len(x), TOGETHER):
            rows = slice(start, start + TOGETHER)
            told = () if y is None else (y[rows].repeat_interleave(projection.STARTS),)
            found.append(
                projection.projected(
                    lambda z, told=told: model.model(z, *told), x[rows], latent=latent,
                    known=None if known is None else known[rows],
                    steps=steps or projection.STEPS, seed=seed,
                )
            )  # fmt: skip
    return torch.cat(found)


def _check(model: Signed, what: str) -> None:
    if what not in capabilities_of(model.model, model.signature.task):
        raise NotSupported(f"{name_of(model)} cannot {what}: {reason(model.model, what)}")


def _told(y: Tensor | None) -> tuple[Tensor, ...]:
    return () if y is None else (y,)
