"""Coverage: the share of real examples that have a drawn one in their ball.

The balls are those of the real examples, so drawn ones that lie far off cannot feign it. It falls
where kinds of examples are never drawn, and with fewer drawn than real examples: it compares sets
of equal size only.

    mean over real y of [some drawn x lies in the ball of y]

Shapes: features `n d` of drawn and `m d` of real examples.

Departures: none.

References:
    Muhammad Ferjad Naeem, Seong Joon Oh, Youngjung Uh, Yunjey Choi, Jaejun Yoo. Reliable fidelity
    and diversity metrics for generative models. ICML 2020. https://arxiv.org/abs/2002.09797

>>> import torch
>>> x = torch.randn(50, 3)
>>> coverage(x, x), coverage(x + 100, x)
(1.0, 0.0)
"""

from jaxtyping import Float
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics.manifolds import within

CARD = Card(
    name="coverage",
    kind="sample-metric",
    entry="coverage",
    nodes=("gan/vanilla",),
    title="Coverage",
    zh="覆盖率",
    better="higher",
    unit="share",
    paper="Reliable fidelity and diversity metrics for generative models",
    year=2020,
    url="https://arxiv.org/abs/2002.09797",
    proofs=(
        "oracle: the same by scikit-learn's NearestNeighbors, exactly",
        "law: controls of real digits come in their order",
    ),
)


def coverage(
    drawn: Float[Tensor, "n d"], real: Float[Tensor, "m d"], /, *, neighbors: int = 5
) -> float:
    """The share.

    Args:
        drawn: features of drawn examples.
        real: of real ones.
        neighbors: to which of its set's neighbours a ball reaches.

    Raises:
        UsageError: a set has not so many examples.
    """
    found = within(drawn, real, neighbors=neighbors).any(0)
    return found.double().mean().item()
