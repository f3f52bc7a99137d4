"""Spectral signatures: poison stands out along the direction in which a class varies most.

    score(x) = ((f(x) - mu_y) . v_y)^2

v_y is the first right singular vector of the features of class y less their mean mu_y. The features
have to be centred: of raw ones the first singular vector is about their mean, along which all
examples of a class are alike, and large scores mean nothing.

Shapes: features `n d`; scores `n`.

Departures: none. The method takes out 1.5 times as many examples of each class as are thought to be
poisoned, whether there is poison or not, so that what it flags is no sign by itself. In small
networks the poison lies along the first three directions, and the scores are unreliable.

References:
    Brandon Tran, Jerry Li, Aleksander Madry. Spectral signatures in backdoor attacks. NeurIPS 2018.
    https://arxiv.org/abs/1811.00636

>>> features = torch.tensor([[9.0, 0.0], [9.0, 0.1], [9.0, -0.1], [9.0, 3.0]])
>>> int(signature_scores(features).argmax())
3
"""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.poisoning import Suspicion
from cartograd.frontier.explain.studies.hidden import hidden
from cartograd.frontier.security.detectors.calibrated import check_judged

CARD = Card(
    name="spectral-signatures",
    kind="detector",
    entry="spectral_signatures",
    nodes=("threat/backdoor",),
    title="Spectral signatures",
    zh="谱特征检测",
    paper="Spectral signatures in backdoor attacks",
    year=2018,
    url="https://arxiv.org/abs/1811.00636",
    proofs=(
        "oracle: the scores are squared coordinates along the first component of "
        "sklearn.decomposition.PCA, class by class",
        "law: poison planted along its own direction, far from the origin, is ranked first, where "
        "scores without centring rank it last",
    ),
    tiny={},
)

MORE = 1.5
"""How many times as many as are thought to be poisoned are taken out."""


def spectral_signatures(
    model: nn.Module,
    x: Shaped[Tensor, "n ..."],
    y: Int[Tensor, " n"],
    trusted: tuple[Tensor, Tensor],
    /,
    *,
    layer: str | None = None,
    share: float = 0.05,
) -> Suspicion:
    """How far examples are from their class's mean, along the way in which it varies most.

    Args:
        model: gives logits.
        x: examples to judge.
        y: the classes that are told of them.
        trusted: not needed.
        layer: whose outputs are compared; by default what the last dense layer is given.
        share: of a class that is thought to be poisoned at most.

    Raises:
        UsageError: there is no such layer.
    """
    check_judged(model, x, y, trusted)
    features, told = hidden(model, x, layer).cpu(), y.cpu().long()
    scores = torch.zeros(len(x), dtype=torch.float64)
    flagged = torch.zeros(len(x), dtype=torch.bool)
    for k in told.unique().tolist():
        own = (told == k).nonzero()[:, 0]
        scores[own] = signature_scores(features[own])
        count = min(len(own), round(MORE * share * len(own)))
        flagged[own[scores[own].topk(count).indices]] = True
    return Suspicion(scores.float(), flagged)


def signature_scores(features: Float[Tensor, "n d"], /) -> Float[Tensor, " n"]:
    """Squared coordinates along the first singular vector of centred rows."""
    apart = features.double() - features.double().mean(0)
    _, _, ways = torch.linalg.svd(apart, full_matrices=False)
    return (apart @ ways[0]).square()
