"""Projection: the noise of which a generator makes an example, looked for step by step.

A GAN has no way back from an example to its noise. What comes nearest is found by going down the
slope of the distance between the example and what is made, by the noise. The way may end at a place
that is not the nearest; so it begins at several, the same for every example, and the best end
counts. An example that the generator cannot make has a code with an error, which is to be told.

    z(x) = argmin over z of |G(z) - x|^2

Shapes: examples `b ...`; noise alike the generator's, `b d`.

Departures: the plain distance of numbers, without a network that sees likeness; StyleGAN's authors
look for a style, here it is the noise for every family.

References:
    Antonia Creswell, Anil Anthony Bharath. Inverting the generator of a generative adversarial
    network. IEEE Transactions on Neural Networks and Learning Systems 30(7), 2019.
    https://arxiv.org/abs/1611.05644
    Rameen Abdal, Yipeng Qin, Peter Wonka. Image2StyleGAN: how to embed images into the StyleGAN
    latent space? ICCV 2019. https://arxiv.org/abs/1904.03189

>>> x = torch.tensor([[1.0, 2.0]])
>>> bool((projected(lambda z: 2 * z, x, latent=(2,)) - x / 2).abs().max() < 1e-3)
True
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

STEPS = 200
STARTS = 4
RATE = 0.1
"""The rate at the first step; it falls to nothing like half a cosine."""


def projected(
    make: Callable[[Float[Tensor, "n ..."]], Float[Tensor, "n ..."]],
    x: Float[Tensor, "b ..."],
    /,
    *,
    latent: tuple[int, ...],
    known: Float[Tensor, "b ..."] | None = None,
    steps: int = STEPS,
    starts: int = STARTS,
    seed: int = 0,
) -> Float[Tensor, "b ..."]:
    """The noise of each example.

    Args:
        make: a generator; it is given `starts` rows for each example, one after the other.
        x: examples.
        latent: shape of the noise of one.
        known: 1 where an example is known and counts, else 0; all of it if left out.
        steps: down the slope.
        starts: places to begin at.
        seed: of these.
    """
    weight = torch.ones_like(x) if known is None else (known > 0).to(x)
    rows, weight = (one.repeat_interleave(starts, 0) for one in (x, weight))

    def apart(z: Tensor) -> Float[Tensor, " n"]:
        return (weight * (make(z).reshape(rows.shape) - rows).square()).flatten(1).sum(1)

    first = torch.randn(starts, *latent, generator=torch.Generator().manual_seed(seed))
    with torch.inference_mode(mode=False), torch.enable_grad():
        rows, weight = rows.clone(), weight.clone()  # of none that inference has made
        z = first.to(x).repeat(len(x), *[1] * len(latent)).requires_grad_()
        optimizer = torch.optim.Adam([z], lr=RATE)
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = RATE * (1 + math.cos(math.pi * step / steps)) / 2
            (z.grad,) = torch.autograd.grad(apart(z).sum(), z)
            optimizer.step()
        z = z.detach()
        best = apart(z).reshape(len(x), starts).argmin(1)
    return z.reshape(len(x), starts, *latent)[torch.arange(len(x), device=x.device), best]
