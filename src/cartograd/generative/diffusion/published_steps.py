"""DDPM's chain as published pipelines walk it: which of its steps a sampler takes.

A sampler of S steps takes S of the chain's T, and pipelines keep with the weights which these are:

- `trailing`: T, T - T/S, ..., T/S, as `Steps` has them;
- `leading`: multiples of T // S, and `offset` more (Stable Diffusion 1 has 1);
- `linspace`: S evenly spaced ones from the first to the last of the chain.

DPM-Solver++ takes those of S + 1 steps but for the smallest. DDIM ends where the chain's first step
has been, unless `whole`; every other sampler ends at the example itself. All begin with noise of
variance one, but Euler's with the last step's where that is taken.

References:
    Shanchuan Lin, Bingchen Liu, Jiashi Li, Xiao Yang. Common diffusion noise schedules and sample
    steps are flawed. WACV 2024, table 2. https://arxiv.org/abs/2305.08891
    Robin Rombach and others. High-resolution image synthesis with latent diffusion models. CVPR
    2022. https://arxiv.org/abs/2112.10752

>>> path = published_steps("scaled-linear:spacing=leading,offset=1", 1000)
>>> path.levels(4).time.tolist()
[751.0, 501.0, 251.0, 1.0, 0.0]
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.errors import UsageError, unknown
from cartograd.core.generative import Level
from cartograd.core.spec import Spec
from cartograd.generative.diffusion.paths import BETAS, EXACT, Steps

SPACINGS = ("trailing", "leading", "linspace")
"""Which steps are taken."""

ROOTS = "scaled-linear"
"""Betas whose roots rise evenly."""

DPM = ("dpm-solver-pp", "dpm++2m")
"""Names of the sampler that takes one step more into account."""


@dataclass(frozen=True)
class PublishedSteps:
    """A chain, and how samplers walk it.

    Attributes:
        chain: all of its steps.
        spacing: one of `SPACINGS`.
        offset: added to the steps of `leading`.
        whole: whether DDIM, too, ends at the example itself.
        solver: the sampler that asks.
    """

    chain: Steps
    spacing: str = "trailing"
    offset: int = 0
    whole: bool = True
    solver: str = "ddim"

    def solved(self, solver: str, /) -> "PublishedSteps":
        """The same for a sampler of this name."""
        return replace(self, solver=solver)

    def drawn(self, u: Float[Tensor, " b"], /) -> Level:
        """Every step is as likely."""
        return self.chain.drawn(u)

    def levels(self, steps: int, /) -> Level:
        """The steps taken, and where they end.

        Raises:
            UsageError: the chain has fewer.
        """
        count, length = steps + (self.solver in DPM), self.chain.length
        if steps < 1 or count + (self.spacing == "leading") * self.offset > length:
            raise UsageError(
                f"steps={steps} is out of range; the chain of this model has {length}: expected 1 "
                f"to {length - count + steps - (self.spacing == 'leading') * self.offset}"
            )
        times = self._times(count)[:steps]
        last = 1 if self.solver == "ddim" and not self.whole else 0
        end = self.chain.at(torch.tensor([last]))
        if self.solver == "euler":
            taken = self._between(times)
        else:
            taken = self.chain.at(times.round().long() + 1)
        return Level(
            torch.cat([taken.alpha, end.alpha]), torch.cat([taken.sigma, end.sigma]),
            torch.cat([taken.time, end.time]),
            None if self.solver == "euler" and self.spacing != "leading" else 1.0,
        )  # fmt: skip

    def _times(self, count: int) -> Tensor:
        """The steps that are taken, numbered from 0, the noisiest first."""
        length = self.chain.length
        if self.spacing == "leading":
            return torch.arange(count - 1, -1, -1) * (length // count) + float(self.offset)
        if self.spacing == "linspace":
            return torch.linspace(length - 1, 0, count, dtype=EXACT)
        left = count - (self.solver in DPM)
        return (length - torch.arange(left, dtype=EXACT) * length / left).round() - 1

    def _between(self, times: Tensor) -> Level:
        """Levels of times that may lie between two steps: sigma / alpha is drawn on a line."""
        ratio = (1 / self.chain.kept[1:] - 1).sqrt()
        low = times.floor().long()
        high = (low + 1).clamp_max(len(ratio) - 1)
        found = ratio[low] + (times - low) * (ratio[high] - ratio[low])
        alpha = (1 + found**2).rsqrt()
        return Level(alpha, found * alpha, times.to(EXACT))


def published_steps(spec: Spec | str, length: int, /) -> PublishedSteps:
    """The chain of a spec such as `scaled-linear:start=0.00085,end=0.012,spacing=leading,offset=1`.

    Raises:
        UsageError: the spec is not understood.
    """
    said = Spec.parse(spec)
    if said.name not in (ROOTS, *BETAS):
        raise unknown("schedule", said.name, (ROOTS, *BETAS))
    known: dict[str, Any] = {"start": None, "end": None, "spacing": "trailing", "offset": 0,
                             "whole": True}  # fmt: skip
    strange = [key for key in said.args if key not in known]
    if said.subject is not None:
        strange.append(said.subject)
    if strange:
        raise unknown("setting of a schedule", strange[0], known)
    own = known | said.args
    if own["spacing"] not in SPACINGS:
        raise unknown("spacing", own["spacing"], SPACINGS)
    betas = _betas(said.name, length, own["start"], own["end"])
    kept = torch.cat([torch.ones(1, dtype=EXACT), (1 - betas).cumprod(0)])
    return PublishedSteps(Steps(kept), own["spacing"], int(own["offset"]), bool(own["whole"]))


def _betas(name: str, length: int, start: float | None, end: float | None) -> Tensor:
    """How the chain's steps grow; where nothing is said, as its paper has them."""
    if start is None and end is None and name in BETAS:
        return BETAS[name](length)
    start, end = (usual if one is None else one for one, usual in ((start, 0.00085), (end, 0.012)))
    if name == "cosine" or not 0 < start <= end < 1:
        raise UsageError(
            f"beta_schedule={name}: start={start} and end={end} are no betas; expected two numbers "
            "between 0 and 1, the smaller first, of linear or scaled-linear"
        )
    if name == ROOTS:
        return torch.linspace(math.sqrt(start), math.sqrt(end), length, dtype=EXACT).square()
    return torch.linspace(start, end, length, dtype=EXACT)
