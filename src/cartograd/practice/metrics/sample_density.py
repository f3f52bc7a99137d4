"""Density: in how many balls of real examples a drawn one lies, against how many there would be.

As improved precision, but one real example far from all others, with a ball that takes in
everything, counts once and not for all. It may be above one, where draws keep to what is common.

    (1 / k n) sum over drawn x of the number of real y in whose ball x lies

Shapes: features `n d` of drawn and `m d` of real examples.

Departures: none.

References:
    Muhammad Ferjad Naeem, Seong Joon Oh, Youngjung Uh, Yunjey Choi, Jaejun Yoo. Reliable fidelity
    and diversity metrics for generative models. ICML 2020. https://arxiv.org/abs/2002.09797

>>> import torch
>>> x = torch.randn(50, 3)
>>> round(sample_density(x, x), 5), sample_density(x + 100, x)
(1.2, 0.0)
"""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics.manifolds import within

CARD = Card(
    name="sample-density",
    kind="sample-metric",
    entry="sample_density",
    nodes=("gan/vanilla",),
    title="Density of samples",
    zh="样本密度",
    better="higher",
    unit="share",
    paper="Reliable fidelity and diversity metrics for generative models",
    year=2020,
    url="https://arxiv.org/abs/2002.09797",
    proofs=("oracle: the same by scikit-learn's NearestNeighbors, exactly",),
)


def sample_density(
    drawn: Float[Tensor, "n d"], real: Float[Tensor, "m d"], /, *, neighbors: int = 5
) -> float:
    """The mean number.

    Args:
        drawn: features of drawn examples.
        real: of real ones.
        neighbors: to which of its set's neighbours a ball reaches.

    Raises:
        UsageError: a set has not so many examples.
    """
    found = within(drawn, real, neighbors=neighbors).double().sum(1) / neighbors
    return found.double().mean().item()
