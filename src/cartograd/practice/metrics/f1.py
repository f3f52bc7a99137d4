"""F1: the harmonic mean of precision and recall.

The harmonic mean is near the smaller of the two, so a model that answers nothing but one class
cannot hide behind a perfect recall. Of two classes it is that of the positive one (`binary`); of
more the mean of the classes' F1 (`macro`), not the F1 of their mean precision and recall.

    F1_k = 2 right_k / (taken_k + actual_k) = 2 / (1 / precision_k + 1 / recall_k)

Shapes: outputs (n, k), targets (n); where an example may be of several classes, targets (n, k) of
0 and 1, and a class is answered if its logit is at least 0.

Departures: none from scikit-learn, whose averages these are; 0 / 0 counts as 0.

References:
    David Powers. Evaluation: from precision, recall and F-measure to ROC, informedness,
    markedness and correlation. 2011. https://arxiv.org/abs/2010.16061

>>> import torch
>>> outputs = torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.5, 0.2], [0.1, 0.9]])
>>> f1(outputs, torch.tensor([0, 1, 1, 1]), positive=1)
0.8
"""

from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import class_limits, given
from cartograd.practice.metrics.confusion import Average, Counts, counts, ratio

CARD = Card(
    name="f1",
    kind="metric",
    entry="f1",
    nodes=("metric/f1",),
    title="F1",
    zh="F1",
    better="higher",
    unit="%",
    paper="Evaluation: from precision, recall and F-measure to ROC, informedness, markedness and "
    "correlation",
    year=2011,
    url="https://arxiv.org/abs/2010.16061",
    proofs=(
        "oracle: sklearn.metrics.f1_score, each average, weighted and not, to 1e-10",
        "law: the harmonic mean of precision and recall, class by class",
    ),
    evidence={"metric/f1": ("test_precision_recall_and_f1_are_scikit_learns",)},
)

ANSWERS = True
"""Only which class is highest counts, not by how much."""


def f1(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    average: Average = "auto",
    positive: int = 1,
) -> float:
    """F1 of the positive one of two classes, or averaged over more.

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
    """The F1 under each weighting of the examples."""
    found = counts(outputs, targets, weights)
    return of_counts(found, average=average, positive=positive)


def of_counts(
    found: Counts, /, *, average: Average = "auto", positive: int = 1
) -> Float[Tensor, " b"]:
    """From the three counts of each class to the metric."""
    both = found.taken + found.actual
    return ratio(2 * found.right, both, found, average=average, positive=positive)


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
        "f1", outputs, targets, average=average, positive=positive, level=level
    )
