"""What harm without an enemy costs: accuracy over five severities of several kinds.

The mean over the severities is a mean over examples, each of which answers five times; its
interval knows that these five are not independent.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool
from torch import Tensor

from cartograd.apps.audit.corruptions import letters, numbers, pictures
from cartograd.apps.audit.drawn import Curve, curves
from cartograd.apps.audit.figure import beating
from cartograd.apps.audit.section import Found
from cartograd.apps.audit.subject import Subject
from cartograd.apps.verbs.prepared import prepared
from cartograd.core.errors import UsageError
from cartograd.practice.metrics.proportion import exact, of_rows

SEVERITIES = range(1, 6)


@dataclass(frozen=True)
class Corruption:
    """Accuracy on inputs that are worse than those it was measured on."""

    name: ClassVar[str] = "corruption"
    title: ClassVar[str] = "Corruption"
    asks: ClassVar[str] = "What do noise, blur or missing cells cost?"
    weight: ClassVar[float] = 3.0
    pilot: ClassVar[int] = 8

    def why_not(self, subject: Subject, /) -> str:
        """Classes of one input that can be harmed."""
        signature = subject.model.signature
        if not subject.classifies:
            return "it counts right classes, and its answers are no single class for each example"
        if len(signature.inputs) > 1:
            return "the model takes several inputs, of which none can be harmed alone"
        port = signature.input
        if port.kind == "text" and subject.model.tokenizer is None:
            return "slips of the pen need the texts, and no tokenizer is known that writes them out"
        if port.kind == "text":
            try:
                prepared(subject.model, [_texts(subject)[0]])
            except UsageError as error:
                return f"texts that are written out cannot be read again: {error}"
        if port.kind == "label":
            return f"inputs of kind {port.kind!r} have no smaller and larger harm"
        return ""

    def names(self, subject: Subject, /) -> tuple[str, ...]:
        """The mean of all kinds, and each."""
        return ("mean", *_kinds(subject))

    def measure(self, subject: Subject, /) -> Found:
        """Each kind at each severity."""
        clean, (floor, always) = subject.right(), subject.commonest()
        targets = subject.examples.targets
        right = {
            kind: torch.stack([subject.said(x) == targets for x in harmed(subject)])
            for kind, harmed in _kinds(subject).items()
        }
        n = len(subject)
        told = {"control": floor, "against": always, "n": n}
        figures = [
            beating(kind, *_mean(found), title=f"under {kind}, mean of five", **told)
            for kind, found in right.items()
        ]
        whole = beating("mean", *_mean(torch.cat(list(right.values()))), title="all kinds", **told)
        lines = [_curve(kind, torch.cat([clean[None], found])) for kind, found in right.items()]
        return Found(
            (whole, *figures),
            "Accuracy as the inputs get worse, from none (0) to severe (5); bands are 95 % "
            f"intervals, and the dashed line is {always}, which needs no model.",
            curves("corruption", [0, *SEVERITIES], lines, across="severity", floor=floor),
            {"clean": float(clean.double().mean()),
             "curves": {kind: found.double().mean(1).tolist() for kind, found in right.items()}},
        )  # fmt: skip


def _mean(right: Bool[Tensor, "s n"]) -> tuple[float, float, float]:
    """The share of right answers and its interval, by examples."""
    each = right.double().mean(0)
    share = float(each.mean())
    return share, *of_rows(share, each - share, right.numel())


def _curve(kind: str, right: Bool[Tensor, "s n"]) -> Curve:
    counts = [(int(one.sum()), len(one)) for one in right]
    ends = [exact(*one) for one in counts]
    return Curve(
        kind, [hits / n for hits, n in counts], [low for low, _ in ends], [high for _, high in ends]
    )


Harmed = Callable[[Subject], Iterator[Tensor]]


def _kinds(subject: Subject) -> dict[str, Harmed]:
    """What can be done to such inputs, by name: inputs at each severity."""
    kind = subject.model.signature.input.kind
    if kind == "image":
        return {name: _picture(change) for name, change in pictures.KINDS.items()}
    if kind == "text":
        return {"letters": _letters}
    return {name: _number(change) for name, change in numbers.KINDS.items()}


def _generators(subject: Subject) -> Iterator[tuple[int, torch.Generator]]:
    for severity in SEVERITIES:
        yield severity, torch.Generator().manual_seed(1000 * subject.seed + severity)


def _picture(change: pictures.Change) -> Harmed:
    def harmed(subject: Subject) -> Iterator[Tensor]:
        x, bounds = subject.examples.inputs, subject.model.signature.input.bounds
        low, high = bounds or (float(x.min()), float(x.max()))
        for severity, generator in _generators(subject):
            moved = change((x - low) / (high - low), severity, generator)
            yield low + (high - low) * moved.clamp(0, 1)

    return harmed


def _number(change: numbers.Change) -> Harmed:
    def harmed(subject: Subject) -> Iterator[Tensor]:
        port = subject.model.signature.input
        for severity, generator in _generators(subject):
            moved = change(subject.examples.inputs, port, severity, generator)
            yield moved if port.bounds is None else moved.clamp(*port.bounds)

    return harmed


def _letters(subject: Subject) -> Iterator[Tensor]:
    texts = _texts(subject)
    for severity, generator in _generators(subject):
        share = letters.SHARES[severity - 1]
        wrong = [letters.slipped(text, share, generator) for text in texts]
        yield prepared(subject.model, wrong)[0]


def _texts(subject: Subject) -> list[str]:
    """The texts of the examples, written out again."""
    padding, tokenizer = subject.model.signature.input.padding_id, subject.model.tokenizer
    return [
        tokenizer.decode([token for token in row if token != padding])
        for row in subject.examples.inputs.tolist()
    ]
