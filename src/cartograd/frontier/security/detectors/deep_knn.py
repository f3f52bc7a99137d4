"""Deep k-NN: an example whose neighbours among the features are told to be of other classes.

Features that a network has learned bring like to like, even where some labels are wrong. An example
of another class than most of its neighbours is wrongly labelled, or was moved there.

    score(x) = share of the k nearest with another class;   flagged: another class leads among them

Shapes: features `n d`; scores `n`.

Departures: none.

References:
    Neehar Peri, Neal Gupta, W. Ronny Huang, Liam Fowl, Chen Zhu, Soheil Feizi, Tom Goldstein, John
    Dickerson. Deep k-NN defense against clean-label data poisoning attacks. ECCV workshops 2020.
    https://arxiv.org/abs/1909.13374

>>> x = torch.tensor([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
>>> disagreement(x, torch.tensor([0, 0, 1, 1, 1, 1]), 2)[1].tolist()
[False, False, True, False, False, False]
"""

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.poisoning import Suspicion
from cartograd.frontier.explain.studies.hidden import hidden
from cartograd.frontier.security.detectors.calibrated import check_judged

CARD = Card(
    name="deep-knn",
    kind="detector",
    entry="deep_knn",
    nodes=("threat/poisoning",),
    title="Deep k-NN",
    zh="深度 k 近邻过滤",
    paper="Deep k-NN defense against clean-label data poisoning attacks",
    year=2020,
    url="https://arxiv.org/abs/1909.13374",
    proofs=(
        "oracle: neighbours and shares of sklearn.neighbors.NearestNeighbors",
        "law: of flipped labels most are flagged and few others are; what is left teaches nearly "
        "as well as clean data do",
    ),
    tiny={"neighbors": 3},
    evidence={"threat/poisoning": ("test_flips_do_harm_and_a_filter_undoes_most_of_it",)},
)

AT_ONCE = 2**22
"""Distances that are held together."""


def deep_knn(
    model: nn.Module,
    x: Shaped[Tensor, "n ..."],
    y: Int[Tensor, " n"],
    trusted: tuple[Tensor, Tensor],
    /,
    *,
    layer: str | None = None,
    neighbors: int = 15,
) -> Suspicion:
    """How many neighbours are told to be of other classes.

    Args:
        model: gives logits.
        x: examples to judge, by each other.
        y: the classes that are told of them.
        trusted: not needed.
        layer: whose outputs are compared; by default what the last dense layer is given.
        neighbors: how many of the nearest count.

    Raises:
        UsageError: there is no such layer.
    """
    check_judged(model, x, y, trusted)
    features = hidden(model, x, layer).cpu()
    scores, flagged = disagreement(features, y.cpu().long(), neighbors)
    return Suspicion(scores.float(), flagged)


def disagreement(
    features: Float[Tensor, "n d"], y: Int[Tensor, " n"], neighbors: int, /
) -> tuple[Float[Tensor, " n"], Bool[Tensor, " n"]]:
    """The share of neighbours of another class, and whether another class leads among them."""
    count = min(neighbors, len(y) - 1)
    if count < 1:
        return torch.zeros(len(y)), torch.zeros(len(y), dtype=torch.bool)
    classes, shares, leads = int(y.max()) + 1, list[Tensor](), list[Tensor]()
    for rows in torch.arange(len(y)).split(max(1, AT_ONCE // len(y))):
        apart = torch.cdist(features[rows], features)
        apart[torch.arange(len(rows)), rows] = torch.inf
        near = y[apart.topk(count, largest=False).indices]
        votes = torch.zeros(len(rows), classes).scatter_add_(1, near, torch.ones(near.shape))
        own = votes.gather(1, y[rows, None])[:, 0]
        shares.append(1 - own / count)
        leads.append(votes.amax(1) > own)
    return torch.cat(shares), torch.cat(leads)
