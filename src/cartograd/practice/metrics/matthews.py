"""Matthews correlation: how far answers and classes go together, whatever each class's share.

It is the correlation of what was answered with what is right, each written as one column per
class. A constant answer scores 0 however common its class is, chance scores 0, opposite answers
of two classes score -1.

    R = (c s - sum_k p_k t_k) / sqrt((s^2 - sum_k p_k^2) (s^2 - sum_k t_k^2))

for c right answers of s examples, p_k times that class k was answered, t_k examples of it.

Shapes: outputs (n, k), targets (n).

Departures: none from scikit-learn; 0 where all answers or all targets are of one class.

References:
    Brian Matthews. Comparison of the predicted and observed secondary structure of T4 phage
    lysozyme. Biochimica et Biophysica Acta 405, 1975.
    https://doi.org/10.1016/0005-2795(75)90109-9
    Guang Yong Zou, Allan Donner. Construction of confidence limits about effect measures: a general
    approach. Statistics in Medicine 27, 2008. https://doi.org/10.1002/sim.3095
    Jan Gorodkin. Comparing two K-category assignments by a K-category correlation coefficient.
    Computational Biology and Chemistry 28, 2004.
    https://doi.org/10.1016/j.compbiolchem.2004.09.006

>>> outputs = torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.5, 0.2], [0.1, 0.9]])
>>> round(matthews(outputs, torch.tensor([0, 1, 1, 1])), 4)
0.5774
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.practice.metrics import given
from cartograd.practice.metrics.confusion import Counts, confusion, counts
from cartograd.practice.metrics.proportion import exact

CARD = Card(
    name="matthews",
    kind="metric",
    entry="matthews",
    nodes=("metric/f1",),
    title="Matthews correlation",
    zh="马修斯相关系数",
    better="higher",
    aliases=("mcc", "matthews-correlation", "phi"),
    paper="Comparing two K-category assignments by a K-category correlation coefficient",
    year=2004,
    url="https://doi.org/10.1016/j.compbiolchem.2004.09.006",
    proofs=(
        "oracle: sklearn.metrics.matthews_corrcoef, of two and of more classes, weighted and not, "
        "to 1e-10",
        "law: a constant answer scores 0, the right ones 1, and the opposite of two classes -1",
    ),
)

ANSWERS = True
"""Only which class is highest counts, not by how much."""


def matthews(outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> float:
    """The correlation of answers and classes, from -1 to 1.

    Args:
        outputs: logits of every example.
        targets: the right classes.

    Raises:
        UsageError: an example may be of several classes.
    """
    return weighed(outputs, targets, given.ones(outputs)).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
) -> Float[Tensor, " b"]:
    """The correlation under each weighting of the examples."""
    return of_counts(counts(outputs, targets, weights))


def of_counts(found: Counts, /) -> Float[Tensor, " b"]:
    """From the three counts of each class to the metric.

    Raises:
        UsageError: an example may be of several classes.
    """
    if found.several:
        raise UsageError(
            "the Matthews correlation is of one class for each example, and these have several; "
            "take f1 or accuracy"
        )
    s, p, t = found.actual.sum(1), found.taken, found.actual
    spread = (s**2 - p.square().sum(1)) * (s**2 - t.square().sum(1))
    known = spread > 0
    root = spread.where(known, 1.0).sqrt()
    return ((found.right.sum(1) * s - (p * t).sum(1)) / root).where(known, 0.0)


def limits(
    outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /, *, level: float = 0.95
) -> tuple[float, float]:
    """The interval from the exact intervals of the classes' recalls (Zou and Donner).

    Each class's recall is moved to either end, its mistakes keeping their shares of the other
    classes (all alike where there were none); how far the correlation moves is added in squares.
    """
    value = matthews(outputs, targets)
    matrix = confusion(outputs, targets).double()
    ends = []
    for row in (matrix.sum(1) > 0).nonzero()[:, 0].tolist():
        n, hits = matrix[row].sum(), matrix[row, row]
        others = matrix[row].clone()
        others[row] = 0
        others = others if others.any() else torch.ones_like(others)
        others[row] = 0
        for share in exact(int(hits), int(n), level=level):
            moved = matrix.clone()
            moved[row] = (1 - share) * n * others / others.sum().clamp(min=1)
            moved[row, row] = share * n
            found = Counts(moved.diagonal()[None], moved.sum(0)[None], moved.sum(1)[None])
            ends.append(of_counts(found).item() - value)
    moves = torch.tensor(ends, dtype=torch.float64)
    down, up = (float(one.clamp(min=0).square().sum().sqrt()) for one in (-moves, moves))
    return max(-1.0, value - down), min(1.0, value + up)
