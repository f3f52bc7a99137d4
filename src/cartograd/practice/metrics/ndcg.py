"""NDCG: how near an order of items is to the best one, the first places counting most.

The gain of each item is divided by the logarithm of its place, and the sum by that of the best
order there is. 1 is the best order; of one relevant item at place p it is 1 / log2(p + 1).

    DCG@k = sum_{p <= k} gain(item at p) / log2(p + 1),   NDCG@k = DCG@k / best DCG@k

Shapes: outputs (n, items), the scores; targets (n, items), how relevant each is (0 and more), or
(n), the one relevant item.

Departures: items of one score share the places that they take (the mean over their orders, as in
scikit-learn); libraries that sort them in the order of the data reward whoever puts the relevant
ones first there. `gains="exponential"` is 2^relevance - 1, as on the web-search tracks; the two
differ by a lot for grades, and agree for 0 and 1. A query without a relevant item scores 0.

References:
    Kalervo Jarvelin, Jaana Kekalainen. Cumulated gain-based evaluation of IR techniques. ACM
    Transactions on Information Systems 20, 2002. https://doi.org/10.1145/582415.582418
    Frank McSherry, Marc Najork. Computing information retrieval performance measures efficiently
    in the presence of tied scores. ECIR 2008. https://doi.org/10.1007/978-3-540-78646-7_38
    Chris Burges and others. Learning to rank using gradient descent. ICML 2005 (exponential gains).
    https://doi.org/10.1145/1102351.1102363

>>> import torch
>>> scores, relevance = torch.tensor([[0.9, 0.5, 0.1]]), torch.tensor([[0.0, 2.0, 1.0]])
>>> round(ndcg(scores, relevance), 4)
0.6697
>>> round(ndcg(scores, torch.tensor([1])), 4)
0.6309
"""

from typing import Literal

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.practice.metrics import given

CARD = Card(
    name="ndcg",
    kind="metric",
    entry="ndcg",
    nodes=("metric/ndcg",),
    title="Normalised discounted cumulative gain",
    zh="归一化折损累计增益",
    short="NDCG",
    better="higher",
    unit="share",
    paper="Cumulated gain-based evaluation of IR techniques",
    year=2002,
    url="https://doi.org/10.1145/582415.582418",
    proofs=(
        "oracle: sklearn.metrics.ndcg_score, graded, tied, of several k, to 1e-12",
        "law: tied items score the mean over all their orders, counted one by one; of one relevant "
        "item it is 1 / log2(place + 1)",
    ),
    evidence={"metric/ndcg": ("test_ndcg_is_scikit_learns",)},
)

Gains = Literal["linear", "exponential"]


def ndcg(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    k: int = 10,
    gains: Gains = "linear",
) -> float:
    """The mean over the queries (or users) of the NDCG of their first `k` items.

    Args:
        outputs: a score for each item; minus infinity for one that is not to be shown.
        targets: how relevant each item is, or the number of the relevant one.
        k: how many places count.
        gains: whether relevance counts as it is, or as 2 to its power less 1.

    Raises:
        UsageError: scores and relevances do not belong together, or a relevance is below 0.
    """
    return weighed(outputs, targets, given.ones(outputs), k=k, gains=gains).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
    *,
    k: int = 10,
    gains: Gains = "linear",
) -> Float[Tensor, " b"]:
    """The mean under each weighting of the queries."""
    return given.mean(weights, each(outputs, targets, k=k, gains=gains))


def each(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    k: int = 10,
    gains: Gains = "linear",
) -> Float[Tensor, " n"]:
    """The NDCG of each query."""
    if gains not in Gains.__args__:
        raise unknown("gains", gains, Gains.__args__)
    scores, gain = _checked(outputs, targets)
    gain = gain.exp2() - 1 if gains == "exponential" else gain
    place = torch.arange(scores.shape[1], dtype=torch.float64)
    discount = (place + 2).log2().reciprocal() * (place < k)
    found = _discounted(scores, gain, discount)
    best = (gain.sort(1, descending=True).values * discount).sum(1)
    return (found / best.where(best > 0, 1.0)).where(best > 0, 0.0)


def _discounted(
    scores: Float[Tensor, "n m"], gain: Float[Tensor, "n m"], discount: Float[Tensor, " m"]
) -> Float[Tensor, " n"]:
    """The discounted gain in the order of the scores; tied items take the mean of their places."""
    scores, order = scores.sort(1, descending=True)
    gain = gain.gather(1, order)
    tie = F.pad((scores[:, 1:] != scores[:, :-1]).long().cumsum(1), (1, 0))
    empty = torch.zeros_like(gain)
    total, places, count = (
        empty.scatter_add(1, tie, one)
        for one in (gain, discount.expand_as(gain), torch.ones_like(gain))
    )
    return (total * places / count.clamp(min=1)).sum(1)


def _checked(outputs: Tensor, targets: Tensor) -> tuple[Float[Tensor, "n m"], Float[Tensor, "n m"]]:
    """Scores and relevances in float64."""
    outputs, targets = outputs.detach().cpu().double(), targets.detach().cpu()
    if targets.ndim == 1 and outputs.ndim == 2 and not targets.is_floating_point():
        logits, targets = given.classes(outputs, targets)
        targets = F.one_hot(targets, logits.shape[1])
    if outputs.ndim != 2 or outputs.shape != targets.shape or not outputs.numel():
        raise UsageError(
            f"scores {tuple(outputs.shape)} and relevances {tuple(targets.shape)} do not belong "
            "together; expected (n, items) of both, or the number of one item for each (n)"
        )
    targets = targets.double()
    strange = outputs.isnan().any() or not bool((targets >= 0).all())
    if strange:
        raise UsageError(
            "scores have to be numbers, and relevances 0 or more; the model has diverged, or what "
            "is meant to be relevant is below 0"
        )
    return outputs, targets
