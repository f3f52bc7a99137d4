"""Normalised Fréchet distance: the Fréchet distance in per cent of the spread of the real examples.

The Fréchet distance has the unit of its features squared, so that numbers by two networks cannot be
compared. Divided by the total variance of the real features it has none: 0 is the same two
moments, 100 is a distance as large as the data's own spread, about what one constant example has.

    100 d / tr(C_real)

Shapes: features `n d` of drawn and `m d` of real examples.

Departures: the quotient is ours; the distance is that of the paper.

References:
    Martin Heusel, Hubert Ramsauer, Thomas Unterthiner, Bernhard Nessler, Sepp Hochreiter. GANs
    trained by a two time-scale update rule converge to a local Nash equilibrium. NeurIPS 2017.
    https://arxiv.org/abs/1706.08500

>>> import torch
>>> x = torch.randn(100, 3, dtype=torch.float64)
>>> round(normalised_frechet(x.mean(0).expand(100, 3), x), 6)
100.0
"""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.practice.metrics.frechet import frechet

CARD = Card(
    name="normalised-frechet",
    aliases=("nfid",),
    kind="sample-metric",
    entry="normalised_frechet",
    nodes=("gan/vanilla",),
    title="Normalised Fréchet distance",
    short="nFID",
    zh="归一化弗雷歇距离",
    better="lower",
    paper="GANs trained by a two time-scale update rule converge to a local Nash equilibrium",
    year=2017,
    url="https://arxiv.org/abs/1706.08500",
    proofs=("law: it is the same in any unit of the features, and 100 for a constant, to 1e-9",),
)


def normalised_frechet(drawn: Float[Tensor, "n d"], real: Float[Tensor, "m d"], /) -> float:
    """The distance in per cent of the real features' total variance.

    Raises:
        UsageError: the real examples are all the same.
    """
    spread = float(real.double().var(0).sum()) if len(real) > 1 else 0.0
    if spread == 0:
        raise UsageError(
            "normalised-frechet divides by the spread of the real examples, which are all "
            "the same; take frechet"
        )
    return 100 * frechet(drawn, real) / spread
