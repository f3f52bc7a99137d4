"""Which class or which average a metric is of: chosen by one rule, and said beside its name.

Of two classes precision, recall and F1 are those of the positive one. It is the one that a user
named; else the one called yes, true, 1 or the like; else one that is rare in training; else the
second. Of more classes they are averages.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from cartograd.core import registry, source
from cartograd.core.build import build
from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import Port, Signature
from cartograd.core.spec import Spec

YES = ("1", "1.0", "yes", "y", "true", "t", "positive", "pos", "+", "ja", "oui", "si", "sí", "是")
"""What a positive class is called."""

RARE = 1 / 3
"""A class of two with at most this share of the training examples is the one looked for."""


POSITIVE = "precision, recall and F1 are of"
"""How a line on the positive class begins."""


def with_positive(output: Port, targets: Tensor, named: Any = None, /) -> tuple[Port, str]:
    """An output of two classes with the positive one, and a line that says which and why.

    Args:
        output: what a model answers.
        targets: the training examples' classes.
        named: the class that the user names.

    Raises:
        UsageError: there is no such class, or there are not two.
    """
    two = output.task == "classify" and len(output.labels) == 2
    if not two:
        if named is not None:
            raise UsageError(
                f"positive={named} needs two classes with names; {output.name!r} has "
                f"{len(output.labels) or 'none'}"
            )
        return output, ""
    if named is not None:
        if str(named) not in output.labels:
            raise unknown("class", str(named), output.labels)
        at, why = output.labels.index(str(named)), "as positive= says"
    else:
        at, why = _likely(output.labels, targets)
    label = output.labels[at]
    told = f"{POSITIVE} {label!r}, {why}"
    return replace(output, positive=label), told


def _likely(labels: tuple[str, ...], targets: Tensor) -> tuple[int, str]:
    called = [at for at, label in enumerate(labels) if label.casefold() in YES]
    if len(called) == 1:
        return called[0], "by its name (positive= says otherwise)"
    counts = torch.bincount(targets.flatten().clamp_min(0), minlength=2)[:2]
    rare = int(counts.argmin())
    if counts[rare] <= RARE * counts.sum():
        return rare, f"the rare class ({int(counts[rare])} of {int(counts.sum())} examples)"
    return 1, "the second class (positive= says otherwise)"


def measure(spec: str | Spec, signature: Signature, /) -> Callable[..., float]:
    """A metric that knows which of two classes is the positive one.

    Args:
        spec: of the metric; `positive` is a class's name in it.
        signature: what the outputs are.

    Raises:
        UsageError: no such metric, argument or class.
    """
    spec = Spec.parse(spec)
    if not _of_classes(spec, signature) or signature.target == "classes":
        return build(spec, kind="metric")
    at = positive(spec, signature)
    args = {key: value for key, value in spec.args.items() if key != "positive"}
    return build(replace(spec, args=args), kind="metric", positive=at)


def positive(spec: Spec, signature: Signature, /) -> int:
    """The number of the positive class: as the spec names it, or as the signature does.

    Raises:
        UsageError: there is no such class.
    """
    labels, given = signature.output.labels, spec.args.get("positive")
    if given is None:
        own = signature.output.positive
        return labels.index(own) if own else 1
    if str(given) in labels:
        return labels.index(str(given))
    if labels or not isinstance(given, int):
        raise unknown("class", str(given), labels)
    return given


def about(name: str, signature: Signature, /) -> dict[str, str]:
    """The average that a metric is of, and the positive class if it is of one; empty if of none.

    >>> port = Port("class", "label", (2,), labels=("ham", "spam"), positive="spam")
    >>> about("recall", Signature((), (port,)))
    {'average': 'binary', 'positive': 'spam'}
    >>> about("accuracy", Signature((), (port,)))
    {}
    """
    spec = Spec.parse(name)
    if not _of_classes(spec, signature):
        return {}
    several = signature.target == "classes"
    two = (signature.classes or len(signature.output.labels)) <= 2 and not several
    average = spec.args.get("average", "auto")
    average = ("binary" if two else "macro") if average == "auto" else average
    if average != "binary":
        return {"average": average}
    labels, at = signature.output.labels, positive(spec, signature)
    return {"average": average, "positive": labels[at] if at < len(labels) else f"class {at}"}


def why_positive(
    averages: Mapping[str, Mapping[str, str]], signature: Signature, told: Iterable[str], /
) -> str:
    """Which class the figures of one of two are of, and by which rule it is that one.

    Args:
        averages: of each metric, as `about` has it.
        signature: of the model.
        told: what was decided on the data of the training, in lines.

    >>> port = Port("class", "label", (2,), labels=("ham", "spam"), positive="spam")
    >>> lines = ["precision, recall and F1 are of 'spam', the rare class (3 of 20 examples)"]
    >>> f1 = {"f1": about("f1", Signature((), (port,)))}
    >>> why_positive(f1, Signature((), (port,)), lines)
    "'spam', the rare class (3 of 20 examples)"
    """
    named = dict.fromkeys(of["positive"] for of in averages.values() if "positive" in of)
    return "; ".join(_why(label, signature.output, told) for label in named)


def _why(label: str, output: Port, told: Iterable[str]) -> str:
    """The rule that was recorded, or the one that must have been."""
    begins = f"{POSITIVE} {label!r}, "
    known = next((line.removeprefix(begins) for line in told if line.startswith(begins)), "")
    if known:
        return f"{label!r}, {known}"
    own = output.positive or dict(enumerate(output.labels)).get(1, "class 1")
    if label != own:
        return f"{label!r}, as positive= says"
    return repr(label) if output.positive else f"{label!r}, the second class"


def spoken(name: str, of: Mapping[str, Any], /) -> str:
    """A metric's name with its average, or with the class that it is of.

    >>> spoken("recall", {"average": "macro"}), spoken("nll", {})
    ('recall (macro)', 'nll')
    >>> spoken("f1:positive=spam", {"average": "binary", "positive": "spam"})
    'f1 (of spam)'
    """
    said = f"of {of['positive']}" if "positive" in of else of.get("average", "")
    return f"{name.partition(':')[0]} ({said})" if said else name


def _of_classes(spec: Spec, signature: Signature) -> bool:
    """Whether a metric is of one class of two, or an average over classes."""
    if signature.task.target not in ("class", "classes") or signature.task.each:
        return False
    found = registry.lookup(spec.name, kind="metric")
    return bool(found) and {"average", "positive"} <= {
        argument.name for argument in source.arguments(found[0][0])
    }
