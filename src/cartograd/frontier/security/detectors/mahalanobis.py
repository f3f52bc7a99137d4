"""Mahalanobis distance to trusted examples of the class that is told.

A few examples that are known to be clean say where each class lies among the features before the
last layer, and how it is spread. A poisoned example reaches its class by another road: the patch
moves it to a place where no clean example is.

    score(x, y) = log (f(x) - mu_y)^T S^-1 (f(x) - mu_y)

mu_y is the mean of the trusted features of class y and S their covariance around those means, the
same for all classes, drawn towards a multiple of the identity by Ledoit's and Wolf's share, which
makes it invertible where there are fewer examples than features. Scores of trusted examples, each
from means and covariance without it, say what is usual.

Shapes: features `n d`; scores `n`.

Departures: Lee et al. take the nearest class, not the one that is told, and mix several layers.

References:
    Kimin Lee, Kibok Lee, Honglak Lee, Jinwoo Shin. A simple unified framework for detecting
    out-of-distribution samples and adversarial attacks. NeurIPS 2018.
    https://arxiv.org/abs/1807.03888
    Olivier Ledoit, Michael Wolf. A well-conditioned estimator for large-dimensional covariance
    matrices. Journal of Multivariate Analysis 88, 2004.
    https://doi.org/10.1016/S0047-259X(03)00096-4

>>> x = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
>>> near = Gaussians(x, torch.zeros(4, dtype=torch.long))
>>> far = near(torch.tensor([[0.0, 0.0], [3.0, 0.0]]), torch.tensor([0, 0]))
>>> [round(value, 3) for value in far.tolist()]
[0.0, 18.0]
"""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.poisoning import Suspicion
from cartograd.frontier.explain.studies.hidden import hidden
from cartograd.frontier.security.detectors.calibrated import check_judged, limit

CARD = Card(
    name="mahalanobis",
    kind="detector",
    entry="mahalanobis",
    nodes=("threat/backdoor",),
    title="Mahalanobis distance to trusted examples",
    zh="马氏距离检测",
    paper="A simple unified framework for detecting out-of-distribution samples and adversarial "
    "attacks",
    year=2018,
    url="https://arxiv.org/abs/1807.03888",
    proofs=(
        "oracle: distances by sklearn.covariance.LedoitWolf of the trusted features around the "
        "means of their classes, to 1e-8",
        "law: poisoned digits are told from clean ones nearly without a mistake, and of clean "
        "data about as few are flagged as of trusted examples",
    ),
    tiny={},
)

FOLDS = 10
TINY = 1e-30


def mahalanobis(
    model: nn.Module,
    x: Shaped[Tensor, "n ..."],
    y: Int[Tensor, " n"],
    trusted: tuple[Tensor, Tensor],
    /,
    *,
    layer: str | None = None,
) -> Suspicion:
    """How far examples are from trusted ones of their class.

    Args:
        model: gives logits.
        x: examples to judge.
        y: the classes that are told of them.
        trusted: inputs that are known to be clean, and their classes.
        layer: whose outputs are compared; by default what the last dense layer is given.

    Raises:
        UsageError: there are fewer than two trusted examples of a class, or no such layer.
    """
    check_judged(model, x, y, trusted)
    known, classes = hidden(model, trusted[0], layer).cpu(), trusted[1].cpu().long()
    features, told = hidden(model, x, layer).cpu(), y.cpu().long()
    for k in told.unique().tolist():
        count = int((classes == k).sum())
        if count < 2:
            raise UsageError(
                f"there are {count} trusted examples of class {k}; mahalanobis needs at least 2 "
                "of each class, by more of them (scan --trusted, defend --examples)"
            )
    scores = Gaussians(known, classes)(features, told).clamp(min=TINY).log()
    usual = _held_out(known, classes).clamp(min=TINY).log()
    return Suspicion(scores.float(), scores > limit(usual), calibrated=True, decides=True)


class Gaussians:
    """A normal distribution for each class, all of one covariance.

    Args:
        features: of examples.
        y: their classes.
    """

    def __init__(self, features: Float[Tensor, "n d"], y: Int[Tensor, " n"], /):
        features = features.double()
        self.classes = y.unique()
        self.means = torch.stack([features[y == k].mean(0) for k in self.classes])
        apart = features - self.means[torch.searchsorted(self.classes, y)]
        self.root = torch.linalg.cholesky(shrunk(apart))

    def __call__(
        self, features: Float[Tensor, "n d"], y: Int[Tensor, " n"], /
    ) -> Float[Tensor, " n"]:
        """Squared distances from the means of these classes."""
        apart = features.double() - self.means[torch.searchsorted(self.classes, y)]
        return torch.linalg.solve_triangular(self.root, apart.T, upper=False).square().sum(0)


def shrunk(apart: Float[Tensor, "n d"], /) -> Float[Tensor, "d d"]:
    """The covariance of rows of mean 0 by Ledoit and Wolf, and never quite singular."""
    n, d = apart.shape
    sample = apart.T @ apart / n
    usual = sample.diagonal().mean()
    eye = torch.eye(d).to(sample)
    spread = (sample - usual * eye).square().sum()
    noise = (apart.square().sum(1).square().mean() - sample.square().sum()) / n
    share = (noise / spread).clamp(0, 1) if spread > 0 else spread
    return (1 - share) * sample + (share + 1e-9) * usual.clamp(min=1e-12) * eye


def _held_out(features: Tensor, y: Tensor) -> Float[Tensor, " n"]:
    """Scores of trusted examples by the others."""
    scores = features.new_zeros(len(features))
    fold = torch.arange(len(y)) % min(FOLDS, len(y))
    for number in range(int(fold.max()) + 1):
        out = fold == number
        left = Gaussians(features[~out], y[~out])
        judged = out & torch.isin(y, left.classes)
        scores[judged] = left(features[judged], y[judged])
    return scores
