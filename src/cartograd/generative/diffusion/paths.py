"""Paths from examples to noise: how much of each there is at every time.

    x_t = alpha(t) x + sigma(t) noise

Tables are in float64: in float32 the early steps of a long schedule are wrong in the fourth digit.

- `Steps`: DDPM's chain of T steps, alpha^2 = prod (1 - beta), alpha^2 + sigma^2 = 1, with betas
  that rise linearly or by a squared cosine. Time is the number of the step, from 0, as the paper's
  code counts.
  With zero terminal SNR the last step leaves nothing of the example, as sampling begins.
- `Straight`: flow matching's line from an example (t = 0) to noise (t = 1).
- `Growing`: EDM's noise on top of the whole example, spaced by powers of rho. Time is
  250 ln(sigma), which is the paper's ln(sigma)/4 in thousandths.

References:
    Jonathan Ho, Ajay Jain, Pieter Abbeel. Denoising diffusion probabilistic models. NeurIPS 2020.
    https://arxiv.org/abs/2006.11239
    Alex Nichol, Prafulla Dhariwal. Improved denoising diffusion probabilistic models. ICML 2021.
    https://arxiv.org/abs/2102.09672
    Shanchuan Lin, Bingchen Liu, Jiashi Li, Xiao Yang. Common diffusion noise schedules and sample
    steps are flawed. WACV 2024. https://arxiv.org/abs/2305.08891
    Yaron Lipman, Ricky Chen, Heli Ben-Hamu, Maximilian Nickel, Matt Le. Flow matching for
    generative modeling. ICLR 2023. https://arxiv.org/abs/2210.02747
    Tero Karras, Miika Aittala, Timo Aila, Samuli Laine. Elucidating the design space of
    diffusion-based generative models. NeurIPS 2022. https://arxiv.org/abs/2206.00364
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core.errors import UsageError, unknown
from cartograd.core.generative import Level

EXACT = torch.float64

LEAST = 0.002
"""The least sigma of growing noise."""


@runtime_checkable
class Path(Protocol):
    """Where examples go as noise comes in."""

    def levels(self, steps: int, /) -> Level:
        """`steps` + 1 levels from pure noise down to none."""
        ...

    def drawn(self, u: Float[Tensor, " b"], /) -> Level:
        """The levels to learn at, for numbers that are uniform in [0, 1)."""
        ...


@dataclass(frozen=True)
class Steps:
    """DDPM's chain.

    Attributes:
        kept: alpha^2 before each step, from 1, and after the last; `t` + 1 numbers.
    """

    kept: Float[Tensor, " t"]

    @property
    def length(self) -> int:
        """T."""
        return len(self.kept) - 1

    def at(self, number: Tensor, /) -> Level:
        """The level after so many steps; 0 is the example itself."""
        kept = self.kept.to(number.device)[number]
        return Level(kept.sqrt(), (1 - kept).sqrt(), (number - 1).clamp_min(0).to(EXACT))

    def levels(self, steps: int, /) -> Level:
        """Evenly spaced steps of the chain, the last one among them.

        Raises:
            UsageError: the chain has fewer.
        """
        self.check(steps)
        return self.at(torch.linspace(self.length, 0, steps + 1, dtype=EXACT).round().long())

    def check(self, steps: int, /, *, called: str = "steps") -> None:
        """Refuse more steps than the chain has, by the name that they have for whoever said so.

        Raises:
            UsageError: the chain has fewer.
        """
        if not 1 <= steps <= self.length:
            raise UsageError(
                f"{called}={steps} is out of range; the chain of this model has {self.length}: "
                f"expected 1 to {self.length}"
            )

    def drawn(self, u: Float[Tensor, " b"], /) -> Level:
        """Every step is as likely."""
        return self.at((u * self.length).long() + 1)


def steps(schedule: str, length: int, /, *, to_noise: bool = False) -> Steps:
    """The chain of a schedule: `linear` or `cosine`.

    Args:
        schedule: how the steps grow.
        length: how many.
        to_noise: whether the last one leaves nothing of the example (zero terminal SNR): alphas are
            shifted to zero there and scaled to be what they were after the first step.

    Raises:
        UsageError: there is no such schedule.

    >>> round(steps("linear", 1000).kept[-1].item(), 9)
    4.0358e-05
    """
    if schedule not in BETAS:
        raise unknown("schedule", schedule, BETAS)
    kept = (1 - BETAS[schedule](length)).cumprod(0)
    if to_noise and length > 1:
        alpha = kept.sqrt()
        kept = ((alpha - alpha[-1]) * alpha[0] / (alpha[0] - alpha[-1])).square()
    return Steps(torch.cat([torch.ones(1, dtype=EXACT), kept]))


def _linear(length: int) -> Tensor:
    """From 1e-4 to 0.02 in a thousand steps; shorter chains take larger ones."""
    scale = 1000 / length
    return torch.linspace(1e-4 * scale, 0.02 * scale, length, dtype=EXACT).clamp_max(0.999)


def _cosine(length: int) -> Tensor:
    """What is left falls like a squared cosine."""
    place = torch.linspace(0, 1, length + 1, dtype=EXACT)
    left = ((place + 0.008) / 1.008 * math.pi / 2).cos().square()
    return (1 - left[1:] / left[:-1]).clamp_max(0.999)


BETAS: dict[str, Callable[[int], Tensor]] = {"linear": _linear, "cosine": _cosine}


@dataclass(frozen=True)
class Straight:
    """From an example to noise on a line."""

    def at(self, t: Float[Tensor, "*b"], /) -> Level:
        """The level at a time from 0 (the example) to 1 (noise)."""
        return Level(1 - t, t, 1000 * t)

    def levels(self, steps: int, /) -> Level:
        """Evenly spaced times.

        Raises:
            UsageError: there are none.
        """
        check(steps)
        return self.at(torch.linspace(1, 0, steps + 1, dtype=EXACT))

    def drawn(self, u: Float[Tensor, " b"], /) -> Level:
        """Every time is as likely."""
        return self.at(u.to(EXACT))


@dataclass(frozen=True)
class Growing:
    """Noise on top of the whole example.

    Attributes:
        least, most: of sigma when sampling.
        rho: the larger, the more levels are small.
        mean, spread: of ln(sigma) in training.
    """

    least: float = LEAST
    most: float = 80.0
    rho: float = 7.0
    mean: float = -1.2
    spread: float = 1.2

    def at(self, sigma: Float[Tensor, "*b"], /) -> Level:
        """The level of this much noise."""
        return Level(torch.ones_like(sigma), sigma, 250 * sigma.clamp_min(1e-9).log())

    def levels(self, steps: int, /) -> Level:
        """Evenly spaced in the power 1/rho of sigma, and then no noise.

        Raises:
            UsageError: there are none.
        """
        check(steps)
        high, low = self.most ** (1 / self.rho), self.least ** (1 / self.rho)
        sigma = torch.linspace(high, low, steps, dtype=EXACT).pow(self.rho)
        return self.at(torch.cat([sigma, torch.zeros(1, dtype=EXACT)]))

    def drawn(self, u: Float[Tensor, " b"], /) -> Level:
        """Log-normal noise."""
        inside = u.to(EXACT).clamp(1e-12, 1 - 1e-12)
        return self.at((self.mean + self.spread * torch.special.ndtri(inside)).exp())


def check(steps: int, /) -> None:
    """Refuse to sample in no steps.

    Raises:
        UsageError: there are none.
    """
    if steps < 1:
        raise UsageError(f"steps={steps} is out of range; expected at least 1")


def wide(value: Float[Tensor, "*b"], x: Float[Tensor, "b ..."], /) -> Tensor:
    """One number, or one for each example, shaped and typed to multiply examples."""
    value = value.to(x.device, x.dtype)
    return value.reshape(-1, *[1] * (x.ndim - 1)) if value.ndim else value
