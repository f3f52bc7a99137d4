"""Conversion rate: of the users who are shown a list, the share that takes something of it.

The list holds the k items that score highest. A conversion is an item on it that the user is known
to have taken next (of MovieLens rated 4 and more). Where each user takes one item this is the hit
rate of recommenders.

    CVR@k = users with an item taken among the first k / users

Shapes: outputs (n, items), the scores; targets (n), the item taken, or (n, items), 1 where taken.

Departures: none.

References:
    Paolo Cremonesi, Yehuda Koren, Roberto Turrin. Performance of recommender algorithms on top-N
    recommendation tasks. RecSys 2010. https://doi.org/10.1145/1864708.1864721

>>> import torch
>>> cvr(torch.tensor([[0.9, 0.5, 0.1], [0.2, 0.9, 0.3]]), torch.tensor([1, 0]), k=2)
0.5
"""

from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import given
from cartograd.practice.metrics.ctr import clicks

CARD = Card(
    name="cvr",
    kind="metric",
    entry="cvr",
    nodes=("metric/ctr-cvr",),
    title="Conversion rate",
    zh="转化率",
    short="CVR",
    better="higher",
    unit="%",
    paper="Performance of recommender algorithms on top-N recommendation tasks",
    year=2010,
    url="https://doi.org/10.1145/1864708.1864721",
    proofs=("law: of one item each it is top-k accuracy, with Wilson's interval",),
)


def cvr(
    outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /, *, k: int = 10
) -> float:
    """The share of users who take an item of their list.

    Args:
        outputs: a score for each item; minus infinity for one that is not to be shown.
        targets: the number of the item taken, or 1 for each that was.
        k: how many items are shown to each.

    Raises:
        UsageError: scores and items do not belong together.
    """
    return weighed(outputs, targets, given.ones(outputs), k=k).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
    *,
    k: int = 10,
) -> Float[Tensor, " b"]:
    """The share under each weighting of the users."""
    return given.mean(weights, (clicks(outputs, targets, k=k) > 0).double())


def limits(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    k: int = 10,
    level: float = 0.95,
) -> tuple[float, float]:
    """Wilson's interval: each user is a trial."""
    from cartograd.practice.metrics.interval import wilson

    found = clicks(outputs, targets, k=k) > 0
    return wilson(int(found.sum()), len(found), level=level)
