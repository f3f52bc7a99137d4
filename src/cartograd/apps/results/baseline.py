"""What a model has to beat: the best constant answer, and a quick model on the same examples."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from cartograd.core.ports import Signature

RECALL = "recall:average=macro"
"""By which answers are compared where classes were weighted: all of them are to be found."""


@dataclass(frozen=True)
class Beside:
    """What a model was compared with, on the same examples.

    Attributes:
        name: what it is: `always "no"`, `boosting`.
        metric: by which both were compared.
        low, high: the 95 % interval of the model's figure less its one.
        text: what follows `better than` in a sentence.
        metrics: its own figures.

    >>> Beside("boosting", "accuracy", 0.003, 0.021, "boosting by 1.2 points").sentence
    'better than boosting by 1.2 points'
    """

    name: str
    metric: str
    low: float
    high: float
    text: str
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """Better, worse, or neither: by the interval of the difference."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "no better"

    @property
    def sentence(self) -> str:
        """How the model compares with it."""
        return f"{self.word} than {self.text}"

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "name": self.name,
            "is": self.word,
            "metric": self.metric,
            "difference_low": self.low,
            "difference_high": self.high,
            "metrics": self.metrics,
        }


def against_constant(
    signature: Signature,
    outputs: Tensor,
    targets: Tensor,
    intervals: dict[str, tuple[float, float]],
    /,
    *,
    weighted: bool = False,
    spelled: Callable[[int], str] = str,
) -> Beside | None:
    """How accuracy or r2 compare with always giving the same answer; None without either.

    It is the commonest class of these examples (or set of classes), or their mean, so the constant
    has an advantage. Where classes were weighted in training or a threshold was chosen, all classes
    are to be found, not most examples: the mean of the classes' recalls is compared, and what it
    cost in accuracy is said beside it.

    Args:
        signature: what the answers are.
        outputs: the model's answers.
        targets: the right ones.
        intervals: the 95 % interval of each metric that was measured.
        weighted: whether the classes were weighted in training.
        spelled: how a class without a name is written; tokens are by their tokenizer.
    """
    if signature.task.target == "class" and targets.ndim == 1 and "accuracy" in intervals:
        by_accuracy = _accuracy(signature, outputs, targets, intervals["accuracy"], spelled)
        return _recall(outputs, targets, by_accuracy) if weighted else by_accuracy
    if signature.task.target == "classes" and "accuracy" in intervals:
        return _labels(signature, outputs, targets)
    if signature.task.name == "regress" and "r2" in intervals:
        mean = "always their mean"
        return Beside(mean, "r2", *intervals["r2"], f"{mean} (r2 0)", {"r2": 0.0})
    return None


def against_yardstick(
    signature: Signature,
    name: str,
    theirs: Tensor,
    outputs: Tensor,
    targets: Tensor,
    figures: dict[str, float],
    /,
    *,
    weighted: bool = False,
) -> Beside:
    """How a model compares with a quick one on the same examples, by a paired interval.

    Args:
        signature: what the answers are.
        name: of the quick model.
        theirs: its answers.
        outputs: the model's answers.
        targets: the right ones.
        figures: of the quick model, by metric.
        weighted: whether the classes were weighted in training, of both.
    """
    from cartograd.core.build import build
    from cartograd.practice.metrics.paired import difference

    metric = "r2" if signature.task.target == "value" else RECALL if weighted else "accuracy"
    measure = build(metric, kind="metric")
    single = outputs.ndim == 2 and outputs.shape[1] == 1 and theirs.shape[1] == 2
    ours = F.pad(outputs, (1, 0)) if single else outputs
    low, high = difference(measure, theirs, ours, targets)
    value = measure(ours, targets) - measure(theirs, targets)
    unit, scale, digits = (" of r2", 1, 3) if metric == "r2" else (" points", 100, 1)
    if weighted:
        unit += " of macro recall"
    worse, sure = high < 0, low > 0 or high < 0
    ends = (-high, -low) if worse else (low, high)
    least, most = (f"{scale * end:.{digits}f}" for end in ends)
    size = f"{scale * (-value if worse else value):.{digits}f}{unit}"
    text = (
        f"{name} by {size} ({least} to {most})" if sure else f"{name} ({size}, {least} to {most})"
    )
    return Beside(name, metric, low, high, text, figures)


def _accuracy(
    signature: Signature,
    outputs: Tensor,
    targets: Tensor,
    limits: tuple[float, float],
    spelled: Callable[[int], str],
) -> Beside:
    """By accuracy, on the same examples for both.

    Of the positions of texts no more is kept than the metrics need; their own interval is compared.
    """
    labels = signature.output.labels
    if not signature.task.each:
        return against_always(outputs, targets, labels)
    most, share = _commonest(targets)
    low, high = limits
    return _always(low - share, high - share, _name(labels, most, spelled), share)


def against_always(outputs: Tensor, targets: Tensor, labels: tuple[str, ...], /) -> Beside:
    """How the accuracy compares with always giving the commonest class.

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


def _name(labels: tuple[str, ...], number: int, spelled: Callable[[int], str] = str) -> str:
    return labels[number] if number < len(labels) else spelled(number)


def _always(low: float, high: float, name: str, share: float, how: str = "right") -> Beside:
    always = f'always "{name}"'
    text = f"{always} ({100 * share:.1f} % {how})"
    return Beside(always, "accuracy", low, high, text, {"accuracy": share})


def _labels(signature: Signature, outputs: Tensor, targets: Tensor) -> Beside:
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
    return _always(low, high, name, share, "with all labels right")


def _recall(outputs: Tensor, targets: Tensor, by_accuracy: Beside) -> Beside:
    """By the mean recall of the classes; a constant answer finds all of one class, else nothing."""
    from cartograd.core.build import build
    from cartograd.practice.metrics.interval import interval

    recall = build(RECALL, kind="metric")
    low, high = interval(recall, outputs, targets)
    constant = 1 / len(targets.unique())
    text = (
        f"any constant answer by macro recall "
        f"({100 * recall(outputs, targets):.1f} %, constant {100 * constant:.1f} %), as all "
        f"classes are to be found; by accuracy {by_accuracy.sentence}"
    )
    own = by_accuracy.metrics | {RECALL: constant}
    return Beside(by_accuracy.name, RECALL, low - constant, high - constant, text, own)
