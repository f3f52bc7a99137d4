"""What answers rest on, and how far one may believe the explanation.

A gallery by the first method that fits the model, and the quality of several methods beside two
controls: random numbers, and edges, which know nothing of the model. A method whose explanations
hardly change when the weights are dealt anew explains the input and not the model.
"""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from markupsafe import Markup

from cartograd.apps.audit.figure import NONE, Figure, beating
from cartograd.apps.audit.section import Found
from cartograd.apps.audit.subject import Subject
from cartograd.apps.report.attributions import attributions
from cartograd.apps.report.parts import Table, table
from cartograd.apps.results.explanation_quality import BETTER, CONTROLS, Quality
from cartograd.apps.results.explanation_quality import Figure as Pair
from cartograd.apps.verbs.explain import explanation
from cartograd.apps.verbs.explanation_quality import explanation_quality
from cartograd.core.errors import UsageError, first_line

METHODS = ("integrated_gradients:steps=32", "saliency", "occlusion")
"""The first that fits is the one that the figures are of."""

SHOWN = 8
TITLES = {
    "deletion": "probability as what matters goes (area)",
    "insertion": "probability as what matters comes (area)",
    "infidelity": "share of changes that is not told",
    "max-sensitivity": "how far it moves with the input",
    "complexity": "how spread out it is",
    "gini": "how sparse it is",
    "randomisation": "what stays when the weights are dealt anew",
}
FORGETS = 0.5
"""A correlation with the explanations of dealt weights above which there is a warning."""


@dataclass(frozen=True)
class Explanations:
    """The gallery and the table of quality."""

    name: ClassVar[str] = "explanations"
    title: ClassVar[str] = "Explanations"
    asks: ClassVar[str] = "What do its answers rest on, and can that be believed?"
    weight: ClassVar[float] = 3.0
    pilot: ClassVar[int] = 8

    def why_not(self, subject: Subject, /) -> str:
        """One number of one input is explained."""
        signature = subject.model.signature
        whole = not signature.task.each and signature.target != "boxes"
        if signature.task.explained not in ("class", "value") or not whole:
            return "its answers are no class and no value of a whole example"
        if len(signature.inputs) > 1:
            return "the model takes several inputs, and one is explained"
        return ""

    def names(self, _: Subject, /) -> tuple[str, ...]:
        """Of the first method that fits."""
        return tuple(one.replace("-", "_") for one in BETTER)

    def measure(self, subject: Subject, /) -> Found:
        """The quality of the methods that fit, and a few explanations."""
        x, fitting, refused = subject.examples.inputs, list[str](), list[str]()
        for method in METHODS:
            try:
                explanation(subject.model, x[:1], method=method)
                fitting.append(method)
            except (UsageError, RuntimeError) as error:  # a foreign module may fail in any way
                refused.append(f"{method}: {first_line(error)}")
        if not fitting:
            raise UsageError(f"no explainer fits the model ({refused[0]})")
        quality = explanation_quality(subject.model, x, fitting, seed=subject.seed)
        first = fitting[0]
        rows = [[row[0], *row[1:]] for row in quality.rows()]
        arrows = {"lower": "↓", "higher": "↑"}
        head = ["method", *(f"{name} {arrows[BETTER[name]]}" for name in quality.columns)]
        judged = table(
            Table(head, rows, f"means over {quality.examples} answers, with standard errors; the "
                  "last two rows are controls that know nothing of the model")
        )  # fmt: skip
        return Found(
            tuple(_figure(name, quality, first) for name in quality.figures[first]),
            f"By {first}. The figures of the card are of this method; its control is random "
            "numbers in the place of an explanation.",
            _gallery(subject, first) + judged,
            quality.to_json(),
            (*refused, *quality.notes, "whether people understand them"),
        )


def _figure(name: str, quality: Quality, method: str) -> Figure:
    """A mean with Student's interval, beside random numbers."""
    from scipy.special import stdtrit

    value, error = quality.figures[method][name]
    reach = float(stdtrit(max(1, quality.examples - 1), 0.975)) * error
    side: Literal["higher", "lower"] = "higher" if BETTER[name] == "higher" else "lower"
    ends = (NONE, NONE) if math.isnan(error) else (value - reach, value + reach)
    key, n = name.replace("-", "_"), quality.examples
    if name == "randomisation":
        mark = "warn" if ends[0] > FORGETS else "pass"
        edges = _control(quality, "edges", name)
        return Figure(
            key, value, *ends, n, TITLES[name], edges, "edges, which stay", side, "", mark,
            f"warns where the interval is above {FORGETS:g}",
        )  # fmt: skip
    control = _control(quality, "random", name)
    judged = beating(
        key, value, *ends, n=n, control=control, against="random numbers", title=TITLES[name],
        better=side, unit="", worst="warn",
    )  # fmt: skip
    if name in ("complexity", "gini"):
        return replace(judged, mark="", rule="told, not judged: neither side is right by itself")
    return judged


def _control(quality: Quality, row: str, column: str) -> float:
    assert row in CONTROLS
    found: Pair = quality.figures[row].get(column, (NONE, NONE))
    return found[0]


def _gallery(subject: Subject, method: str) -> Markup:
    """A few explanations: overlays, columns, or coloured words."""
    few = subject.examples.select(torch.arange(min(SHOWN, len(subject))))
    kind = subject.model.signature.input.kind
    found = explanation(subject.model, few.inputs, method=method)
    if kind == "image" and subject.classifies:
        outputs = subject.outputs()[: len(few)]
        section = attributions(few, found.attributions.cpu(), outputs, method=method)
        return Markup("<p class='lead'>{}</p>{}").format(section.lead, section.body)  # type: ignore[union-attr]
    if kind in ("table", "vector") and subject.classifies:
        whole = explanation(subject.model, subject.examples.inputs, method=method)
        section = attributions(
            subject.examples, whole.attributions.cpu(), subject.outputs(), method=method
        )
        return Markup("<p class='lead'>{}</p>{}").format(section.lead, section.body)  # type: ignore[union-attr]
    return Markup(found._repr_html_())
