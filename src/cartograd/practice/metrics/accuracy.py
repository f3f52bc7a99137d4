"""Accuracy: the share of examples whose highest output is the right class.

With `k` above 1 it is enough that the right class is among that many highest outputs. It
misleads where classes are uneven: always saying "healthy" is right 99 times out of 100 if one
in a hundred is ill, and finds nobody.

    accuracy = #{i : argmax_k outputs[i, k] = targets[i]} / n

Where an example may be of any number of classes, all of its labels have to be right; a class is
answered if its logit is at least 0.

Shapes: outputs (n, k), targets (n), or (n, k) of 0 and 1.

Departures: of equal outputs the class of the lower number counts as the higher (`argmax` agrees).

References:
    David Powers. Evaluation: from precision, recall and F-measure to ROC, informedness,
    markedness and correlation. 2011. https://arxiv.org/abs/2010.16061

>>> outputs = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0], [0.5, 0.2, 0.1], [0.0, 3.0, 1.0]])
>>> accuracy(outputs, torch.tensor([0, 2, 1, 1]))
0.75
>>> accuracy(outputs, torch.tensor([0, 2, 1, 1]), k=2)
1.0
"""

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.practice.metrics import given
from cartograd.practice.metrics.answers import Answers

CARD = Card(
    name="accuracy",
    kind="metric",
    entry="accuracy",
    nodes=("metric/accuracy",),
    title="Accuracy",
    zh="准确率",
    better="higher",
    unit="%",
    paper="Evaluation: from precision, recall and F-measure to ROC, informedness, markedness and "
    "correlation",
    year=2011,
    url="https://arxiv.org/abs/2010.16061",
    proofs=(
        "oracle: sklearn.metrics.accuracy_score and top_k_accuracy_score, to 1e-10",
        "law: a constant answer at 1:99 scores 0.99, with recall 0",
    ),
    evidence={"metric/accuracy": ("test_accuracy_is_scikit_learns",)},
    renamed={"top": "k"},
)

ANSWERS = True
"""Only which class is highest counts, not by how much."""


def accuracy(
    outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /, *, k: int = 1
) -> float:
    """The share of examples whose right class is among the `k` highest outputs, or classes are.

    Args:
        outputs: logits of every example.
        targets: the right classes, or 0 and 1 for each class.
        k: how many of the highest outputs may hold the right class.
    """
    return weighed(outputs, targets, given.ones(outputs), k=k).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
    *,
    k: int = 1,
) -> Float[Tensor, " b"]:
    """The accuracy under each weighting of the examples."""
    return given.mean(weights, each(outputs, targets, k=k))


def parts(
    outputs: Float[Tensor, "b t k"], targets: Shaped[Tensor, "b t"], /, *, k: int = 1
) -> Float[Tensor, "b n"]:
    """The right and all labelled positions of each row (a target below 0 is no label)."""
    known = targets >= 0
    right = torch.zeros_like(known)
    right[known] = of_answers(Answers(outputs[known], targets[known]), k=k)
    return torch.stack([right.sum(1), known.sum(1)], dim=1).double()


def whole(sums: Float[Tensor, "... n"], /) -> Float[Tensor, "..."]:
    """From the sums of `parts` to the metric."""
    return sums[..., 0] / sums[..., 1]


def trials(
    outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /, *, k: int = 1
) -> tuple[int, int]:
    """Right examples and all examples: accuracy is a proportion of independent trials."""
    right = each(outputs, targets, k=k)
    return int(right.sum()), len(right)


def each(
    outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /, *, k: int = 1
) -> Bool[Tensor, " n"]:
    """Whether each example is answered rightly."""
    if not given.several(outputs, targets):
        return of_answers(Answers(outputs, targets), k=k)
    if k != 1:
        raise UsageError(f"k={k} is for one class of each example, and these have several")
    said, true = given.labels(outputs, targets)
    return (said == true).all(1)


def of_answers(answers: Answers, /, *, k: int = 1) -> Bool[Tensor, " n"]:
    """The same of one class for each example."""
    logits, targets = answers.logits, answers.targets
    classes = logits.shape[1]
    if k > classes:
        raise UsageError(f"k={k}, but there are {classes} classes; expected at most {classes}")
    if k == 1:
        return answers.right
    own = logits.gather(1, targets[:, None])
    first = torch.arange(classes) < targets[:, None]
    return ((logits > own) | ((logits == own) & first)).sum(1) < k


def sum_of_answers(answers: Answers, /, *, k: int = 1) -> Float[Tensor, ""]:
    """How many are right."""
    return of_answers(answers, k=k).sum().double()
