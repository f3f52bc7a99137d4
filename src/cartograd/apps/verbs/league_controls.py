"""Controls of a league: what needs no model, and what every model has to be better than."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.data.dataset.dataset import Dataset

REPEATED = 10
"""How often the memoriser shows each of its examples."""

JITTER = 1e-4
"""Variance that is added to each pixel, so that a covariance has no directions of nought."""


@dataclass(frozen=True)
class Drawn:
    """Drawn examples, and the classes that they were asked for, if any."""

    x: Float[Tensor, "n ..."]
    y: Int[Tensor, " n"] | None


def controls(data: Dataset, count: int, /, *, seed: int = 0) -> dict[str, Drawn]:
    """Examples that no model made, by what they are.

    Args:
        data: examples with classes.
        count: of each control.
        seed: of the random numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    train = data.train.select(range(len(data.train)))
    x, y = train.inputs, train.targets
    made: dict[str, Callable[[], Drawn]] = {
        "real test examples": lambda: _some(data, count, generator),
        "a tenth of them, ten times each": lambda: _memorised(x, y, count, generator),
        "a normal distribution of each class": lambda: _normal(x, y, count, generator),
        "each pixel by itself": lambda: _pixels(x, count, generator),
        "noise": lambda: Drawn(torch.rand(count, *x.shape[1:], generator=generator), None),
    }
    return {name: make() for name, make in made.items()}


def _some(data: Dataset, count: int, generator: torch.Generator) -> Drawn:
    chosen = torch.randperm(len(data.test), generator=generator)[:count]
    found = data.test.select(chosen)
    return Drawn(found.inputs, found.targets)


def _memorised(x: Tensor, y: Tensor, count: int, generator: torch.Generator) -> Drawn:
    few = torch.randperm(len(x), generator=generator)[: -(-count // REPEATED)]
    rows = few.repeat(REPEATED)[:count]
    return Drawn(x[rows], y[rows])


def _normal(x: Tensor, y: Tensor, count: int, generator: torch.Generator) -> Drawn:
    """The mean and covariance of each class; classes take turns."""
    classes = y.unique()
    asked = classes[torch.arange(count) % len(classes)]
    flat = x.flatten(1).double()
    drawn = torch.empty(count, flat.shape[1], dtype=torch.float64)
    for one in classes:
        own, rows = flat[y == one], asked == one
        spread = torch.cov(own.T) + JITTER * torch.eye(flat.shape[1], dtype=torch.float64)
        noise = torch.randn(
            int(rows.sum()), flat.shape[1], generator=generator, dtype=torch.float64
        )
        drawn[rows] = own.mean(0) + noise @ torch.linalg.cholesky(spread).T
    return Drawn(drawn.clamp(0, 1).float().reshape(count, *x.shape[1:]), asked)


def _pixels(x: Tensor, count: int, generator: torch.Generator) -> Drawn:
    """Each number of each example from another real one."""
    flat = x.flatten(1)
    rows = torch.randint(len(flat), (count, flat.shape[1]), generator=generator)
    return Drawn(flat.gather(0, rows).reshape(count, *x.shape[1:]), None)
