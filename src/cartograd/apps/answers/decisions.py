"""Thresholds of answers: chosen by a rule, told in words, and seen by metrics."""

from typing import Any

from torch import Tensor

from cartograd.core.decided import likely, positive_of
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.core.spec import Spec
from cartograd.practice.decisions.threshold import threshold


def thresholds(
    how: str | Spec, port: Port, logits: Tensor, targets: Tensor, /
) -> tuple[float, ...]:
    """The thresholds of an output: of the positive class of two, or of each label.

    Args:
        how: the rule.
        port: whose classes they are.
        logits: whose probabilities are compared with them.
        targets: the right answers.
    """
    if port.task == "multi-label":
        return _thresholds(how, port, logits, targets)
    at = positive_of(port)
    if logits.shape[1] == 1:
        scores = logits[:, 0] * (2 * at - 1)
    else:
        scores = logits[:, at] - logits[:, 1 - at]
    return (threshold(how, scores, targets == at),)


def _thresholds(how: str | Spec, port: Port, logits: Tensor, targets: Tensor) -> tuple[float, ...]:
    found = []
    for place, label in enumerate(port.labels):
        try:
            found.append(threshold(how, logits[:, place], targets[:, place]))
        except UsageError as error:
            raise UsageError(f"label {label!r}: {error}") from error
    return tuple(found)


def named(port: Port, /) -> str:
    """The thresholds of an output, in words.

    >>> named(Port("late", "label", (2,), labels=("no", "yes"), thresholds=(0.0712,)))
    "'yes' from a probability of 7.12 % on"
    """
    if not port.thresholds:
        return ""
    each = port.task == "multi-label"
    labels = port.labels if each else (port.labels or ("0", "1"))[positive_of(port) :][:1]
    pairs = zip(labels, port.thresholds, strict=False)
    shown = ", ".join(f"{label!r} from {'' if each else 'a probability of '}{100 * share:.3g} %"
                      for label, share in pairs)  # fmt: skip
    return f"{shown} on"


def probable(measure: Any, outputs: Tensor, port: Port, /) -> Tensor:
    """What a metric is given: the logits that decide, or those whose probabilities are meant.

    Args:
        measure: the metric.
        outputs: the logits that decide.
        port: of the output.
    """
    from cartograd.practice.metrics.interval import twin

    return outputs if not port.thresholds or twin(measure, "ANSWERS") else likely(outputs, port)
