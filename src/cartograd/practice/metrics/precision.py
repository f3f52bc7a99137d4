"""Precision: of the examples taken for a class, the share that are of it.

It asks how far a positive answer can be trusted, and says nothing about what was missed; recall
is its counterpart. Of two classes it is that of the positive one (`binary`); of more the mean
(`macro`), the mean weighted by how frequent each class is (`weighted`), or one count over all of
them (`micro`, equal to accuracy).

    precision_k = right_k / taken_k

Shapes: outputs (n, k), targets (n); where an example may be of several classes, targets (n, k) of
0 and 1, and a class is answered if its logit is at least 0.

Departures: none from scikit-learn, whose averages these are; 0 / 0 counts as 0.

References:
    David Powers. Evaluation: from precision, recall and F-measure to ROC, informedness,
    markedness and correlation. 2011. https://arxiv.org/abs/2010.16061

>>> import torch
>>> outputs = torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.5, 0.2], [0.1, 0.9]])
>>> precision(outputs, torch.tensor([0, 1, 1, 1]), positive=1)
1.0
"""

from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import class_limits, given
from cartograd.practice.metrics.confusion import Average, Counts, counts, ratio

CARD = Card(
    name="precision",
    kind="metric",
    entry="precision",
    nodes=("metric/precision",),
    title="Precision",
    zh="精确率",
    better="higher",
    unit="%",
    aliases=("positive-predictive-value",),
    paper="Evaluation: from precision, recall and F-measure to ROC, informedness, markedness and "
    "correlation",
    year=2011,
    url="https://arxiv.org/abs/2010.16061",
    proofs=(
        "oracle: sklearn.metrics.precision_score, each average, weighted and not, to 1e-10",
        "law: micro-averaged precision is accuracy; a class never answered has 0",
    ),
    evidence={"metric/precision": ("test_precision_recall_and_f1_are_scikit_learns",)},
)

ANSWERS = True
"""Only which class is highest counts, not by how much."""


def precision(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    average: Average = "auto",
    positive: int = 1,
) -> float:
    """Precision of the positive one of two classes, or averaged over more.

    Args:
        outputs: logits of every example.
        targets: the right classes, or 0 and 1 for each class.
        average: how the classes' numbers become one: macro, micro, weighted, or binary, which is
            that of one class of two; auto is binary of two classes, and macro of more or where
            several may hold.
        positive: which of two classes is meant.
    """
    return weighed(outputs, targets, given.ones(outputs), average=average, positive=positive).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
    *,
    average: Average = "auto",
    positive: int = 1,
) -> Float[Tensor, " b"]:
    """The precision under each weighting of the examples."""
    found = counts(outputs, targets, weights)
    return of_counts(found, average=average, positive=positive)


def of_counts(
    found: Counts, /, *, average: Average = "auto", positive: int = 1
) -> Float[Tensor, " b"]:
    """From the three counts of each class to the metric."""
    return ratio(found.right, found.taken, found, average=average, positive=positive)


def limits(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    average: Average = "auto",
    positive: int = 1,
    level: float = 0.95,
) -> tuple[float, float] | None:
    """The interval (`class_limits`); None of all labels of examples that have several."""
    return class_limits.limits(
        "precision", outputs, targets, average=average, positive=positive, level=level
    )
