"""Where two forms part: the stage at which something else is made of the same, on one example.

Both forms tell what each of their stages gives for the first example that they answer unlike.
Stages are matched by what they do, layers by their names, or by their order where both have as many
of the same shapes. If what the network is given differs, the first stage of the preparation behind
the last that agrees is named. Else it is the first layer whose inputs agree and whose output does
not: a branch beside it may agree as long as it likes. Of graphs, whose layers' inputs are not
known, it is the one after the last that agrees, for a runtime may fold two layers into one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.apps.answers import units
from cartograd.apps.replace.aligned import aligned
from cartograd.apps.replace.causes import cause_of
from cartograd.apps.replace.form import Form, Stage
from cartograd.apps.replace.questions import Questions
from cartograd.apps.replace.unlike import ROUNDING, unlike

BEFORE = ("decode", "resize", "encode", "tokenise", "pad", "normalise")
"""Roles of the stages before a network."""

FOLDED = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
"""What exporters fold into the layer before."""

PIXELS = 2 / 255
"""The same of decoded and resized pixels: two decoders of JPEG differ by a level."""


@dataclass(frozen=True)
class Step:
    """A stage of both forms.

    Attributes:
        name: of the stage, in A's words.
        difference: the largest of any number; infinite where the shapes differ or B's are no
            numbers.
        share: of the largest number of A.
        shapes: of both, where they differ.
        rounding: the share that still counts as agreeing.
    """

    name: str
    difference: float
    share: float
    shapes: str = ""
    rounding: float = ROUNDING

    @property
    def agrees(self) -> bool:
        """Whether they differ by rounding alone."""
        return self.share <= self.rounding

    @property
    def said(self) -> str:
        """How large the difference is."""
        if self.shapes:
            return self.shapes
        if not math.isfinite(self.difference):
            return "numbers that are not finite"
        if not self.difference:
            return "none"
        share = "" if self.share <= 0 else f", {units.percent(self.share, digits=2)} of the largest"
        return f"{units.number(self.difference)} at most{share}"

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return dict(vars(self)) | {"agrees": self.agrees}


@dataclass(frozen=True)
class Parting:
    """Where the two part.

    Attributes:
        example: on which.
        stage: the first that differs; empty where none does.
        after: the last that agrees.
        said: how large the difference is.
        cause: what it looks like, if it looks like something known.
        steps: every stage that both have.
        role: of the stage.
    """

    example: str
    stage: str
    after: str
    said: str
    cause: str
    steps: tuple[Step, ...]
    role: str = ""

    @property
    def sentence(self) -> str:
        """All of it in a line."""
        if not self.stage:
            return f"{self.example}: no stage that both have differs ({self.said})"
        after = f", after {self.after} agreed" if self.after else ""
        cause = f": {self.cause}" if self.cause else ""
        return f"{self.stage}{after} ({self.said}){cause}"

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        told = {key: value for key, value in vars(self).items() if key != "steps"}
        return told | {"steps": [one.to_json() for one in self.steps]}


def parting(
    forms: Sequence[Form],
    questions: Questions,
    answers: tuple[Float[Tensor, "n *t k"], Float[Tensor, "n *t k"]],
    /,
) -> Parting | None:
    """Where the two part on the first example that they answer unlike; None where all are alike.

    The first changed class counts; where no class changed, the first answer that differs by more
    than rounding.
    """
    differs, changed = unlike(*answers, several=questions.several)
    rows = (changed if changed.any() else differs).nonzero()[:, 0]
    if not len(rows):
        return None
    row = int(rows[0])
    return located(forms, questions.examples.name(row), _asked(questions, row))


def _asked(questions: Questions, row: int) -> list[Any]:
    """The example; a text beside the longest one, for there alone it is filled up."""
    sources = questions.sources
    if questions.signature.input.kind != "text" or not isinstance(sources[row], str):
        return [sources[row]]
    longest = max(range(len(sources)), key=lambda place: len(sources[place]))
    return [sources[row]] if longest == row else [sources[row], sources[longest]]


def located(forms: Sequence[Form], example: str, sources: Sequence[Any], /) -> Parting:
    """Where the two part on an example."""
    first, second = (form.stages(sources) for form in forms)
    first, second = _told_alike(first, second), _told_alike(second, first)
    pairs = [_in_order(pair, forms) for pair in matched(first, second)]
    steps = [_compared(one, other, pad=_pad(forms)) for one, other in pairs]
    at = _culprit(pairs, steps)
    if at is None:
        return Parting(example, "", steps[-1].name if steps else "", "all agree", "", tuple(steps))
    before = [pair for pair, step in zip(pairs[:at], steps[:at], strict=True) if step.agrees]
    cause = cause_of(pairs[at], before, forms) if len(pairs) > 1 else _hidden(first, second, forms)
    after = next((step.name for step in reversed(steps[:at]) if step.agrees), "")
    named, role = _named(pairs[at], alone=len(pairs) == 1), pairs[at][0].role
    return Parting(example, named, after, steps[at].said, cause, tuple(steps), role)


def _told_alike(side: list[Stage], other: list[Stage]) -> list[Stage]:
    """A form's stages, with what its network is given where only the other one standardises."""
    roles = [[one.role for one in stages] for stages in (side, other)]
    layer = next((place for place, one in enumerate(side) if one.role == "layer"), None)
    if "normalise" in roles[0] or "normalise" not in roles[1] or layer is None:
        return side
    wanted = other[roles[1].index("normalise")].value.shape
    given = [x for x in side[layer].given[:1] if x.shape == wanted]
    return [*side[:layer], *(Stage("normalise", "normalise", x) for x in given), *side[layer:]]


def _culprit(pairs: Sequence[tuple[Stage, Stage]], steps: Sequence[Step]) -> int | None:
    """The place of the stage at which two forms part; None where none differs.

    What the network is given comes first. Within the network it is the first layer that makes
    something else of the same inputs; where nobody knows these, the one after the last that agrees.
    """
    rows = range(len(pairs))
    before = [place for place in rows if pairs[place][0].role in BEFORE]
    within = [place for place in rows if pairs[place][0].role not in BEFORE]
    if before and not steps[before[-1]].agrees:
        return _after_agreement(before, steps)
    for place in within:
        if not steps[place].agrees and _same_inputs(*pairs[place]):
            return place
    return _after_agreement(within, steps)


def _after_agreement(places: Sequence[int], steps: Sequence[Step]) -> int | None:
    """The first of some stages behind the last that agrees."""
    last = max((rank for rank, place in enumerate(places) if steps[place].agrees), default=-1)
    return places[last + 1] if last + 1 < len(places) else None


def _same_inputs(one: Stage, other: Stage) -> bool:
    """Whether two layers are known to be given the same."""
    if not one.given or len(one.given) != len(other.given):
        return False
    pairs = zip(one.given, other.given, strict=True)
    return all(_compared(replace(one, value=x), replace(other, value=y), pad=0).agrees
               for x, y in pairs)  # fmt: skip


def _hidden(first: list[Stage], second: list[Stage], forms: Sequence[Form]) -> str:
    """Why nothing but the answer can be compared."""
    silent = [
        form.facts.name for form, side in zip(forms, (first, second), strict=True) if len(side) == 1
    ]
    return f"{' and '.join(silent)} shows no stages before it" if silent else ""


def _in_order(pair: tuple[Stage, Stage], forms: Sequence[Form]) -> tuple[Stage, Stage]:
    """The answers of B in the order of A's classes."""
    one, other = pair
    if one.role != "answer" or not forms[0].facts.labels:
        return pair
    own, theirs = (form.facts.labels for form in forms)
    return one, replace(other, value=aligned(other.value, theirs, own))


def _named(pair: tuple[Stage, Stage], *, alone: bool) -> str:
    """A stage in words; an answer without stages before it is no stage of its own."""
    one, other = pair
    if one.role != "layer":
        return "post-processing" if one.role == "answer" and not alone else one.name
    also = "" if one.name == other.name else f" ({other.name} of B)"
    kind = "" if one.module is None else f", {type(one.module).__name__}"
    return f"layer {one.name}{kind}{also}"


def matched(first: list[Stage], second: list[Stage], /) -> list[tuple[Stage, Stage]]:
    """Stages of both that do the same, in A's order."""
    layers = _layers(*([one for one in side if one.role == "layer"] for side in (first, second)))
    by_role = {one.role: one for one in second if one.role != "layer"}
    found = [(one, by_role[one.role]) for one in first if one.role in by_role]
    head = next((i for i, (one, _) in enumerate(found) if one.role in ("head", "answer")), None)
    place = len(found) if head is None else head
    return [*found[:place], *layers, *found[place:]]


def _layers(first: list[Stage], second: list[Stage]) -> list[tuple[Stage, Stage]]:
    """Layers by name, or by order where there are as many of the same shapes."""
    named = {one.name: one for one in second}
    common = [(_folded(one, first, named), named[one.name]) for one in first if one.name in named]
    if common:
        return common
    shapes = [[one.value.shape for one in side] for side in (first, second)]
    return list(zip(first, second, strict=True)) if shapes[0] == shapes[1] else []


def _folded(one: Stage, own: list[Stage], others: Mapping[str, Stage]) -> Stage:
    """A layer, or the normalisation behind it where the other form has folded the two into one."""
    place = own.index(one) + 1
    following = own[place] if place < len(own) else None
    if following is None or not isinstance(following.module, FOLDED):
        return one
    return one if following.name in others else following


def _pad(forms: Sequence[Form]) -> int:
    """The token that fills up, by the first form that says so."""
    ports = [form.signature.input for form in forms if form.signature is not None]
    return next((port.padding_id for port in ports if port.padding_id is not None), 0)


def _compared(one: Stage, other: Stage, *, pad: int) -> Step:
    """A stage of both forms."""
    values = [stage.value.detach().cpu() for stage in (one, other)]
    if one.role in ("tokenise", "pad"):
        values = _rows(values[0], values[1], pad)
    name = f"layer {one.name}" if one.role == "layer" else one.name
    shapes = [tuple(value.shape) for value in values]
    if shapes[0] != shapes[1] and values[0].numel() == values[1].numel():
        values = [value.flatten() for value in values]
    elif shapes[0] != shapes[1]:
        words = " and ".join(" x ".join(map(str, shape)) or "one number" for shape in shapes)
        return Step(name, math.inf, math.inf, f"of other shapes, {words}")
    left, right = (value.double() for value in values)
    if not left.numel():
        return Step(name, 0.0, 0.0)
    if not right.isfinite().all() or not left.isfinite().all():
        same = torch.equal(left.isfinite(), right.isfinite())
        return Step(name, 0.0 if same else math.inf, 0.0 if same else math.inf)
    far = float((left - right).abs().max())
    share = far / max(float(left.abs().max()), 1e-12) if far else 0.0
    return Step(name, far, share, rounding=PIXELS if one.role in ("decode", "resize") else ROUNDING)


def _rows(one: Tensor, other: Tensor, pad: int) -> list[Tensor]:
    """Rows of tokens as wide as each other: filled up at the end, which changes nothing."""
    wide = max(one.shape[-1], other.shape[-1])
    return [
        torch.nn.functional.pad(row, (0, wide - row.shape[-1]), value=pad) for row in (one, other)
    ]
