"""Examples that a model draws, and their metrics beside real ones."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.core import registry
from cartograd.core.build import build
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Examples

MOST = 1000
"""Examples that are drawn to be measured: each costs as much as many predictions."""

REAL = 5000
"""Real examples that they are compared with."""

COMPONENTS = 64
"""Numbers by which examples of more than these are compared."""

RESAMPLES = 100


def is_of_samples(metric: str, /) -> bool:
    """Whether a metric takes sets of drawn and of real examples."""
    name = Spec.parse(metric).name
    return bool(registry.lookup(name, kind="sample-metric"))


@dataclass(frozen=True)
class Compared:
    """Drawn and real examples as features.

    Attributes:
        drawn, real: their features.
        how: what the features are.
    """

    drawn: Float[Tensor, "n d"]
    real: Float[Tensor, "m d"]
    how: str

    @property
    def both(self) -> tuple[Tensor, Tensor]:
        """The two sets."""
        return self.drawn, self.real

    def measured(self, name: str, /) -> tuple[float, tuple[float, float], str]:
        """A metric, its interval by drawing both sets again, and what to bear in mind."""
        metric = build(name, kind="sample-metric")
        value = float(metric(self.drawn, self.real))
        generator = torch.Generator().manual_seed(0)
        again = [
            metric(*(x[torch.randint(len(x), (len(x),), generator=generator)] for x in self.both))
            for _ in range(RESAMPLES)
        ]
        reach = 1.96 * torch.tensor(again, dtype=torch.float64).std().item()
        doubt = f"of {len(self.drawn):,} drawn and {len(self.real):,} real examples, by {self.how}"
        return value, (value - reach, value + reach), doubt


def compared(drawn: Float[Tensor, "n ..."], examples: Examples, /) -> Compared:
    """Drawn examples and real ones, as numbers of a kind.

    Of more than `COMPONENTS` numbers these are the principal components of the real ones.
    """
    return features(drawn, examples.select(spread(len(examples), REAL)).targets)


def features(drawn: Float[Tensor, "n ..."], real: Float[Tensor, "m ..."], /) -> Compared:
    """Two sets of examples as numbers by which they are compared."""
    real, drawn = real.flatten(1).double(), drawn.flatten(1).double()
    if real.shape[1] <= COMPONENTS:
        return Compared(drawn, real, f"their {real.shape[1]} numbers")
    mean = real.mean(0)
    _, axes = torch.linalg.eigh(torch.cov(real.T))
    axes = axes[:, -COMPONENTS:]
    return Compared((drawn - mean) @ axes, (real - mean) @ axes, f"{COMPONENTS} components")


def spread(count: int, most: int, /) -> list[int]:
    """At most so many places, evenly spread.

    >>> spread(10, 4)
    [0, 2, 5, 7]
    """
    few = min(count, most)
    return [i * count // few for i in range(few)]
