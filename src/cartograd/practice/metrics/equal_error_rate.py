"""Equal error rate: how often a verifier errs where it errs as often one way as the other.

A verifier accepts a claim ("it is the same voice") from a threshold on. A higher one turns away
more who are right, a lower one lets in more who are wrong; somewhere both shares are equal. It is
the point where the ROC curve meets the falling diagonal. With more than two classes it is the mean
over the classes, each against the rest.

    EER = false(t) = 1 - found(t)      for the t that makes them equal

Shapes: outputs (n, k), targets (n); a single logit counts for the two classes [0, z].

Departures: between two thresholds the curve is a straight line, as scikit-learn's users take it.

References:
    Tom Fawcett. An introduction to ROC analysis. Pattern Recognition Letters 27, 2006.
    https://doi.org/10.1016/j.patrec.2005.10.010

>>> similarity = torch.tensor([0.9, 0.8, 0.3, 0.6, 0.2, 0.1])
>>> round(equal_error_rate(similarity, torch.tensor([1, 1, 1, 0, 0, 0])), 4)
0.3333
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.practice.metrics import given
from cartograd.practice.metrics.proportion import exact
from cartograd.practice.metrics.roc_auc import Curve, roc_curve

CARD = Card(
    name="equal-error-rate",
    kind="metric",
    entry="equal_error_rate",
    nodes=("metric/roc-auc",),
    title="Equal error rate",
    zh="等错误率",
    better="lower",
    aliases=("eer",),
    paper="An introduction to ROC analysis",
    year=2006,
    url="https://doi.org/10.1016/j.patrec.2005.10.010",
    proofs=(
        "oracle: the root of false = 1 - found on scikit-learn's roc_curve, to 1e-10",
        "law: any increasing change of the scores leaves it as it is; turned around it is 1 - EER",
    ),
)

OF_EACH = True
"""Whether the interval rests on the examples of each class, however many others there are."""


def equal_error_rate(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The error rate where both kinds of error are as frequent; 0 is perfect, 0.5 is chance.

    Raises:
        UsageError: all targets are of one class, so there is nothing to tell apart.
    """
    logits, classes = given.classes(outputs, targets)
    there = classes.unique().tolist()
    if len(there) < 2:
        raise UsageError(
            "the equal error rate needs examples of two classes at least, but all targets are of "
            "one class"
        )
    chosen = [1] if logits.shape[1] == 2 else there
    return sum(_crossing(logits, classes, k) for k in chosen) / len(chosen)


def limits(
    outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /, *, level: float = 0.95
) -> tuple[float, float] | None:
    """The interval where there are two classes; None of more.

    At the threshold both kinds of error are proportions of examples of their own, with exact
    intervals. Where one of them is off, the threshold moves along the curve and the rate is off by
    a part of that, which the curve's slope tells; as that is known badly, each counts for a half
    at least, and the worse it is known the more: for (1 + 1 / m) / 2 of m examples. The parts are
    added as variances are (Zou and Donner).
    """
    logits, classes = given.classes(outputs, targets)
    rate, sizes = equal_error_rate(outputs, targets), classes.bincount(minlength=2).tolist()
    if logits.shape[1] != 2:
        return None
    low, high = torch.tensor(
        [exact(rate * size, size, level=level) for size in sizes], dtype=torch.float64
    ).T
    steep = _steepness(roc_curve(logits, classes), rate - float((rate - low).norm()) / 2)
    least = torch.tensor([(1 + 1 / max(1, size)) / 2 for size in sizes], dtype=torch.float64)
    parts = torch.tensor([steep, 1 - steep], dtype=torch.float64).maximum(least)
    down, up = (float((parts * side).norm()) for side in (rate - low, high - rate))
    return max(0.0, rate - down), min(1.0, rate + up)


def _steepness(curve: Curve, least: float) -> float:
    """How much the curve rises between both errors' being so small: of its way up and right."""
    after = int((curve.false >= least).to(torch.int8).argmax())
    before = int((curve.found >= 1 - least).to(torch.int8).argmax())
    up = float((1 - least - curve.found[after]).clamp(min=0))
    right = float((curve.false[before] - least).clamp(min=0))
    return up / (up + right) if up + right > 0 else 0.5


def _crossing(logits: Tensor, classes: Tensor, positive: int) -> float:
    """Where the ROC curve of a class meets the diagonal."""
    curve = roc_curve(logits, classes, positive=positive)
    ahead = curve.false + curve.found - 1
    after = int((ahead >= 0).to(torch.int8).argmax())
    before = after - 1
    share = -ahead[before] / (ahead[after] - ahead[before])
    return float(curve.false[before] + share * (curve.false[after] - curve.false[before]))
