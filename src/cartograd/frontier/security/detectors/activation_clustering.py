"""Activation clustering: within a class, poisoned examples lie apart from the others.

The features of the examples of each class are brought to ten independent components and split in
two. Of a clean class both halves are about alike; of a poisoned one the smaller group is the
poison, and lies well apart.

    a class is suspicious: its smaller group holds less than 35 % of it, with a silhouette >= 0.1

Shapes: features `n d`; scores `n`.

Departures: clean classes may fall apart, too (three of ten digits do), so a flagged group is to be
looked at, and is no sign by itself. Each class is reduced for itself, as in the authors' code. The
paper offers the size of the groups and their silhouette as separate tests; here a class has to
fail both. An example's score is how much nearer it is to the smaller group of its class than to the
larger, in squared distance.

References:
    Bryant Chen, Wilka Carvalho, Nathalie Baracaldo, Heiko Ludwig, Benjamin Edwards, Taesung Lee,
    Ian Molloy, Biplav Srivastava. Detecting backdoor attacks on deep neural networks by activation
    clustering. 2018. https://arxiv.org/abs/1811.03728

>>> import torch
>>> two_groups(torch.tensor([[0.0], [0.1], [0.2], [5.0]])).tolist()
[False, False, False, True]
"""

import torch
from jaxtyping import Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.poisoning import Suspicion
from cartograd.frontier.explain.studies.hidden import hidden
from cartograd.frontier.security.detectors.calibrated import check_judged
from cartograd.frontier.security.detectors.independent import (
    components_of,
    silhouette,
    two_groups,
)

CARD = Card(
    name="activation-clustering",
    kind="detector",
    entry="activation_clustering",
    nodes=("threat/backdoor",),
    title="Activation clustering",
    zh="激活聚类",
    paper="Detecting backdoor attacks on deep neural networks by activation clustering",
    year=2018,
    url="https://arxiv.org/abs/1811.03728",
    proofs=(
        "oracle: independent components are those of sklearn.decomposition.FastICA up to order "
        "and sign, and the groups those of sklearn.cluster.KMeans",
        "law: of a poisoned class of digits poison alone is flagged, and most of it; groups that a "
        "class falls into by chance are not flagged for their size alone",
    ),
    tiny={"components": 2},
)

SMALL, APART = 0.35, 0.1
"""Share of a class below which a group is small, and the silhouette from which it lies apart."""
LOOKED = 2000
"""Examples of a class by which the silhouette is told."""


def activation_clustering(
    model: nn.Module,
    x: Shaped[Tensor, "n ..."],
    y: Int[Tensor, " n"],
    trusted: tuple[Tensor, Tensor],
    /,
    *,
    layer: str | None = None,
    components: int = 10,
) -> Suspicion:
    """Which examples lie apart from the others of their class.

    Args:
        model: gives logits.
        x: examples to judge.
        y: the classes that are told of them.
        trusted: not needed.
        layer: whose outputs are compared; by default what the last dense layer is given.
        components: how many independent components the features are brought to.

    Raises:
        UsageError: there is no such layer.
    """
    check_judged(model, x, y, trusted)
    features, told = hidden(model, x, layer).cpu(), y.cpu().long()
    scores = torch.zeros(len(x), dtype=torch.float64)
    flagged = torch.zeros(len(x), dtype=torch.bool)
    for k in told.unique().tolist():
        own = (told == k).nonzero()[:, 0]
        if len(own) < 2 * components:
            continue
        parts = components_of(features[own], components)
        small = two_groups(parts)
        centres = torch.stack([parts[small].mean(0), parts[~small].mean(0)])
        apart = torch.cdist(parts, centres).square()
        scores[own] = apart[:, 1] - apart[:, 0]
        few = torch.arange(len(own)) % -(-len(own) // LOOKED) == 0
        if small.double().mean() < SMALL and silhouette(parts[few], small[few]) >= APART:
            flagged[own] = small
    return Suspicion(scores.float(), flagged)
