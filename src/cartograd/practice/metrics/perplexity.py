"""Perplexity: among how many equally likely tokens the model seems to choose, on average.

The exponential of the negative log-likelihood of a token. It depends on how text is cut into
tokens: longer tokens are harder to foresee, and there are fewer of them. Two models compare by it
only with one tokenizer (else by bits per byte).

    perplexity = exp(-(1/n) sum_i log p(token i | those before))

Shapes: outputs (n, k) or (b, t, k), targets (n) or (b, t), where a target below 0 is none.

Departures: none.

References:
    F. Jelinek, R. Mercer, L. Bahl, J. Baker. Perplexity: a measure of the difficulty of speech
    recognition tasks. Journal of the Acoustical Society of America 62, 1977.
    https://doi.org/10.1121/1.2016299

>>> import torch
>>> round(perplexity(torch.zeros(3, 50), torch.tensor([4, 0, 49])), 6)
50.0
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import given, nll
from cartograd.practice.metrics.influence import Scale

CARD = Card(
    name="perplexity",
    kind="metric",
    entry="perplexity",
    nodes=("metric/perplexity",),
    title="Perplexity",
    zh="困惑度",
    better="lower",
    paper="Perplexity: a measure of the difficulty of speech recognition tasks",
    year=1977,
    url="https://doi.org/10.1121/1.2016299",
    proofs=(
        "law: the number of tokens for a model that knows nothing; the product of 1/p, to 1e-12",
        "law: padding does not count, and rows are summed before the quotient is taken",
    ),
    evidence={
        "metric/perplexity": ("test_perplexity_of_knowing_nothing_and_of_known_probabilities",),
    },
)

SCALE: Scale = "log"
"""On which its interval is made."""


def perplexity(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The exponential of the mean negative log-probability of the right token."""
    if targets.ndim > 1:
        return float(whole(parts(outputs, targets).sum(0)))
    return weighed(outputs, targets, torch.ones(1, len(outputs), dtype=torch.float64)).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
) -> Float[Tensor, " b"]:
    """The perplexity under each weighting of the examples."""
    return of_mean(given.mean(weights, each(outputs, targets)))


def each(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> Float[Tensor, " n"]:
    """The surprise of each example, in nats."""
    return nll.each(outputs, targets)


def of_mean(mean: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
    """From the mean of `each` over the examples to the metric."""
    return mean.exp()


def parts(
    outputs: Float[Tensor, "b t k"], targets: Shaped[Tensor, "b t"], /
) -> Float[Tensor, "b n"]:
    """The surprise and the number of labelled positions of each row."""
    return nll.parts(outputs, targets)


def whole(sums: Float[Tensor, "... n"], /) -> Float[Tensor, "..."]:
    """From the sums of `parts` to the metric."""
    return nll.whole(sums).exp()
