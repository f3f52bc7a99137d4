"""What the best constant answer would reach: the least that a model has to beat."""

import torch
from torch import Tensor
from torch.nn import functional as F

from cartograd.core.ports import Signature


def against_constant(
    signature: Signature,
    outputs: Tensor,
    targets: Tensor,
    intervals: dict[str, tuple[float, float]],
    /,
    *,
    weighted: bool = False,
) -> str:
    """A sentence that holds accuracy or r2 against always giving the same answer.

    It is the commonest class of these examples (or set of classes), or their mean, so the constant
    has an advantage. Where classes were weighted in training, all classes are to be found, not most
    examples: the mean of the classes' recalls is compared, and what it cost in accuracy is said
    beside it.

    Args:
        signature: what the answers are.
        outputs: the model's answers.
        targets: the right ones.
        intervals: the 95 % interval of each metric that was measured.
        weighted: whether the classes were weighted in training.

    Returns:
        The sentence; empty where neither metric was measured.
    """
    if signature.task.target == "class" and targets.ndim == 1 and "accuracy" in intervals:
        by_accuracy = _accuracy(signature, outputs, targets, intervals["accuracy"])
        return _recall(outputs, targets, by_accuracy) if weighted else by_accuracy
    if signature.task.target == "classes" and "accuracy" in intervals:
        return _labels(signature, outputs, targets)
    if signature.task.name == "regress" and "r2" in intervals:
        return f"{_word(*intervals['r2'])} than always their mean (r2 0)"
    return ""


def _accuracy(
    signature: Signature, outputs: Tensor, targets: Tensor, limits: tuple[float, float]
) -> str:
    """By accuracy, on the same examples for both.

    Of the positions of texts no more is kept than the metrics need; their own interval is compared.
    """
    labels = signature.output.labels
    if not signature.task.each:
        return against_always(outputs, targets, labels)
    most, share = _commonest(targets)
    low, high = limits
    return _always(low - share, high - share, _name(labels, most), share)


def against_always(outputs: Tensor, targets: Tensor, labels: tuple[str, ...], /) -> str:
    """A sentence that holds the accuracy against always giving the commonest class.

    Args:
        outputs: a logit for each class of each example, or the single logit of the second of two.
        targets: the right classes.
        labels: names of the classes.
    """
    from cartograd.core.build import build
    from cartograd.practice.metrics.paired import difference

    most, share = _commonest(targets)
    constant = F.one_hot(torch.full_like(targets, most), max(2, outputs.shape[1])).double()
    answers = F.pad(outputs, (1, 0)) if outputs.shape[1] == 1 else outputs
    low, high = difference(build("accuracy", kind="metric"), constant, answers, targets)
    return _always(low, high, _name(labels, most), share)


def _commonest(targets: Tensor) -> tuple[int, float]:
    """The commonest class and its share."""
    counts = torch.bincount(targets)
    return int(counts.argmax()), float(counts.max()) / len(targets)


def _name(labels: tuple[str, ...], number: int) -> str:
    return labels[number] if number < len(labels) else str(number)


def _always(low: float, high: float, name: str, share: float) -> str:
    return f'{_word(low, high)} than always "{name}" ({100 * share:.1f} % right)'


def _labels(signature: Signature, outputs: Tensor, targets: Tensor) -> str:
    """By all labels at once, of examples that may have several."""
    from cartograd.core.build import build
    from cartograd.practice.metrics.paired import difference

    rows, counts = torch.unique(targets, dim=0, return_counts=True)
    most = rows[int(counts.argmax())]
    constant = (2.0 * most.double() - 1).expand(len(targets), -1)
    low, high = difference(build("accuracy", kind="metric"), constant, outputs, targets)
    chosen = zip(signature.output.labels, most.tolist(), strict=False)
    name = ", ".join(label for label, holds in chosen if holds) or "none"
    share = float(counts.max()) / len(targets)
    return f'{_word(low, high)} than always "{name}" ({100 * share:.1f} % with all labels right)'


def _recall(outputs: Tensor, targets: Tensor, by_accuracy: str) -> str:
    """By the mean recall of the classes; a constant answer finds all of one class, else nothing."""
    from cartograd.core.build import build
    from cartograd.practice.metrics.interval import interval

    recall = build("recall:average=macro", kind="metric")
    low, high = interval(recall, outputs, targets)
    constant = 1 / len(targets.unique())
    return (
        f"{_word(low - constant, high - constant)} than any constant answer by macro recall "
        f"({100 * recall(outputs, targets):.1f} %, constant {100 * constant:.1f} %), which class "
        f"weights are for; by accuracy {by_accuracy}"
    )


def _word(low: float, high: float) -> str:
    """Better, worse, or neither: by an interval of the difference to the constant answer."""
    return "better" if low > 0 else "worse" if high < 0 else "no better"
