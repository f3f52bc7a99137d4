"""How often a model is right: over all and class by class; of other tasks their usual metrics.

A class is held against an answer that does not look at the input: answers dealt at random among
the examples would find as large a share of it as they name it. The worst class is the worst of
many, so its interval holds with all of them at once (Bonferroni).
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup

from cartograd.apps.audit.drawn import intervals
from cartograd.apps.audit.figure import Figure, beating
from cartograd.apps.audit.section import Found
from cartograd.apps.audit.subject import Subject
from cartograd.apps.report.confusion import confusion
from cartograd.apps.report.mistakes import mistakes
from cartograd.apps.verbs.evaluate import evaluate, usual
from cartograd.core.errors import UsageError
from cartograd.practice.metrics.interval import wilson

MANY = 50
"""More classes than this are not shown one by one."""

OTHERS = 1000
"""Examples at most of tasks whose metrics may take long, such as translation."""

CONSTANT = {"r2": (0.0, "always the mean")}
"""Metrics whose value for a constant answer is known."""


def key(label: str, /) -> str:
    """A label as a part of a figure's name.

    >>> key("T-shirt/top"), key("3")
    ('T-shirt-top', '3')
    """
    return re.sub(r"[^\w-]+", "-", label)


@dataclass(frozen=True)
class Accuracy:
    """The share of right answers, with Wilson's interval."""

    name: ClassVar[str] = "accuracy"
    title: ClassVar[str] = "Accuracy"
    asks: ClassVar[str] = "How often is it right?"
    weight: ClassVar[float] = 0.0
    pilot: ClassVar[int] = 1

    def why_not(self, subject: Subject, /) -> str:
        """Tasks without metrics have none."""
        if subject.classifies:
            return ""
        try:
            usual(subject.model)
        except UsageError as error:
            return str(error)
        return ""

    def names(self, subject: Subject, /) -> tuple[str, ...]:
        """Over all, and of each class; or the metrics of the task."""
        if not subject.classifies:
            return tuple(map(key, usual(subject.model)))
        each = subject.labels if len(subject.labels) <= MANY else ()
        return ("overall", "worst_class", *(f"class.{key(label)}" for label in each))

    def measure(self, subject: Subject, /) -> Found:
        """Counts of right answers."""
        if not subject.classifies:
            return _metrics(subject)
        outputs, targets, n = subject.outputs(), subject.examples.targets, len(subject)
        right, said = subject.right(), outputs.argmax(1)
        share, always = subject.commonest()
        hits = int(right.sum())
        whole = beating(
            "overall", hits / n, *wilson(hits, n), n=n, control=share, against=always,
            title="all examples",
        )  # fmt: skip
        classes = []
        for number, label in enumerate(subject.labels):
            own = targets == number
            count, found = int(own.sum()), int((right & own).sum())
            if count:
                classes.append((label, count, found, float((said == number).double().mean())))
        each = [_of_class(*one, level=0.95, name=f"class.{key(one[0])}") for one in classes]
        most = 1 - 0.05 / len(classes)
        least = min(classes, key=lambda one: one[2] / one[1])
        worst = _of_class(*least, level=most, name="worst_class")
        untested = _without(subject, [one[0] for one in classes])
        shown = sorted(each, key=lambda one: one.value)[:20]
        return Found(
            (whole, worst, *(each if len(subject.labels) <= MANY else ())),
            f"{hits:,} of {n:,} answers are right. Intervals are Wilson's; the control of a class "
            "is what answers that are dealt at random among the examples would find of it.",
            Markup().join([intervals("accuracy", [whole, *shown], axis="found"),
                           *_pictures(subject)]),
            untested=untested,
        )  # fmt: skip


def _of_class(
    label: str, count: int, found: int, dealt: float, /, *, level: float, name: str
) -> Figure:
    low, high = wilson(found, count, level=level)
    title = label if name.startswith("class.") else f"worst class ({label})"
    return beating(
        name, found / count, low, high, n=count, control=dealt,
        against="the same answers dealt at random", title=title,
    )  # fmt: skip


def _without(subject: Subject, there: list[str]) -> tuple[str, ...]:
    absent = [label for label in subject.labels if label not in there]
    if not absent:
        return ()
    return (f"no example of {', '.join(absent[:8])}{' ...' if len(absent) > 8 else ''}",)


def _pictures(subject: Subject) -> list[Markup]:
    """Which classes are taken for which, and the surest mistakes."""
    outputs, targets = subject.outputs(), subject.examples.targets
    found = []
    if len(subject.labels) <= MANY:
        found.append(confusion(outputs, targets, subject.labels))
    found.append(mistakes(subject.examples, outputs, most=6))
    return [
        Markup("<h3>{}</h3><p class='lead'>{}</p>{}").format(one.title, one.lead, one.body)
        for one in found
        if one is not None
    ]


def _metrics(subject: Subject) -> Found:
    """The usual metrics of a task that is no classification."""
    whole, subject = len(subject), subject.few(OTHERS)
    told = evaluate(subject.model, subject.examples, device=subject.device)
    figures = []
    for name, value in told.metrics.items():
        low, high = told.intervals[name]
        if name in CONSTANT:
            control, against = CONSTANT[name]
            figures.append(
                beating(name, value, low, high, n=told.examples, control=control, against=against,
                        unit="")
            )  # fmt: skip
        else:
            figures.append(Figure(key(name), value, low, high, told.examples, name))
    said = f"It is {told.baseline}. " if told.baseline else ""
    return Found(
        tuple(figures),
        f"{said}Measured as `cartograd evaluate` measures.",
        untested=(
            "single classes, as the answers are none",
            *([f"{whole - len(subject):,} further examples"] if whole > len(subject) else []),
        ),
    )
