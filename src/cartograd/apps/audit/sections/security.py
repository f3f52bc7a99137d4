"""What an enemy can do: accuracy under attacks that know the model, and one that only asks.

The figure of a size is what stands against all methods together, each example by itself. It is an
upper bound: a better attack may leave less. Its control is random changes of the same size.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Int
from markupsafe import Markup
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.audit.figure import NONE, Figure, beating
from cartograd.apps.audit.section import Found
from cartograd.apps.audit.smallest_change import smallest_change
from cartograd.apps.audit.subject import Subject
from cartograd.apps.report.parts import Table, table
from cartograd.apps.report.security_page import security_sections
from cartograd.apps.results.security_curve import RANDOM, SecurityCurve, Share
from cartograd.apps.verbs.attack import attack
from cartograd.apps.verbs.security_curve import SHARES, security_curve
from cartograd.core.errors import UsageError
from cartograd.practice.metrics.proportion import exact

METHODS = ("fgsm", "pgd:steps=20", "apgd:steps=20", "square:queries=200")
ASKING = METHODS[-1:]
"""Of these the one that needs no gradient."""
TEXTS = "hotflip:share=0.1"
ITS_SHARE = 0.1

SIZES = tuple(f"eps_{100 * share:g}pct" for share in SHARES)


@dataclass(frozen=True)
class Security:
    """The security curve with its checks; of texts one attack on their tokens."""

    name: ClassVar[str] = "security"
    title: ClassVar[str] = "Under attack"
    asks: ClassVar[str] = "What can somebody do who wants it to be wrong?"
    weight: ClassVar[float] = 6.0
    pilot: ClassVar[int] = 8

    def why_not(self, subject: Subject, /) -> str:
        """Attacks turn one class of one input."""
        if not subject.classifies:
            return "attacks turn a class, and its answers are no single class for each example"
        if len(subject.model.signature.inputs) > 1:
            return "the model takes several inputs, and attacks change one"
        return ""

    def names(self, subject: Subject, /) -> tuple[str, ...]:
        """Of each size; and how many checks failed."""
        text = subject.model.signature.input.kind == "text"
        return ("tokens_10pct",) if text else (*SIZES, "failed_checks", "smallest_change")

    def measure(self, subject: Subject, /) -> Found:
        """All methods on all examples."""
        if subject.model.signature.input.kind == "text":
            return _of_tokens(subject)
        found, untested = _curve(subject)
        parts = [one for one in security_sections(found) if one is not None]
        body = Markup().join(
            Markup("<h3>{}</h3><p class='lead'>{}</p>{}").format(one.title, one.lead, one.body)
            for one in parts[1:]
        )
        figures = _figures(subject, found)
        try:
            smallest = smallest_change(subject)
        except UsageError as error:
            smallest = None
            untested.append(f"the smallest change: {error}")
        if smallest is not None:
            figures.append(smallest[0])
            body += smallest[1]
        return Found(
            tuple(figures),
            parts[0].lead + " What stands against every method at a size is the card's figure; a "
            "better attack may leave less.",
            parts[0].body + body,
            found.to_json(),
            (*untested, "curves of other norms than linf, and physical attacks"),
        )


def _curve(subject: Subject) -> tuple[SecurityCurve, list[str]]:
    """The curve by all methods; of a model without gradients by those that only ask."""

    def by(methods: Sequence[str]) -> SecurityCurve:
        return security_curve(
            subject.model, subject.examples, methods, examples=len(subject), device=subject.device
        )

    try:
        return by(METHODS), []
    except UsageError as error:
        return by(ASKING), [f"attacks by gradients: {error}"]


def _figures(subject: Subject, found: SecurityCurve) -> list[Figure]:
    floor, always = subject.commonest()
    figures = []
    for at, (name, share) in enumerate(zip(SIZES, SHARES, strict=True)):
        stands, control = found.together[at], found.shares[RANDOM][at].value
        judged = beating(
            name, stands.value, stands.low, stands.high, n=found.examples, control=floor,
            against=always, title=f"right at eps = {units.percent(share, digits=0)} of the range",
            worst="fail" if at == 0 else "warn",
        )  # fmt: skip
        held = f"random changes of this size (judged by {always}, {units.percent(floor)})"
        figures.append(replace(judged, control=control, against=held, rule=_rule(at)))
    failed = sum(not check.passed for check in found.checks)
    figures.append(
        Figure(
            "failed_checks", failed, n=len(found.checks), title="signs of masked gradients",
            control=0.0, against="no sign", better="lower", mark="warn" if failed else "pass",
            rule="warns where there is any", low=NONE,
        )
    )  # fmt: skip
    return figures


def _rule(at: int) -> str:
    word = "fails" if at == 0 else "warns"
    return f"passes where the interval is above the commonest class; {word} where the number is not"


def _of_tokens(subject: Subject) -> Found:
    """Every tenth token changed by gradients, and as many at random."""
    x, y = subject.examples.inputs, subject.examples.targets
    moved = attack(subject.model, x, y, method=TEXTS).cpu()
    padding = subject.model.signature.input.padding_id
    generator = torch.Generator().manual_seed(subject.seed)
    dealt = random_tokens(x, ITS_SHARE, padding, generator)
    right = [subject.said(one) == y for one in (x, moved, dealt)]
    clean, stands, control = (_share(one) for one in right)
    floor, always = subject.commonest()
    judged = beating(
        "tokens_10pct", stands.value, stands.low, stands.high, n=len(subject), control=floor,
        against=always, title="right with a tenth of the tokens changed", worst="warn",
    )  # fmt: skip
    held = "as many tokens changed at random"
    rows = _changed(subject, x, moved, right[0] & ~right[1])
    return Found(
        (replace(judged, control=control.value, against=held, rule=_rule(1)),),
        f"By {TEXTS}: up to a tenth of a text's tokens become others, wherever gradients say that "
        f"it hurts most. Without an attack {units.percent(clean.value)} are right.",
        rows,
        {"clean": clean.to_json(), "attacked": stands.to_json(), "random": control.to_json()},
        ("curves over sizes, as tokens cannot move a little", "synonyms and whole sentences"),
    )


def random_tokens(
    x: Int[Tensor, "b t"], share: float, padding: int | None, generator: torch.Generator, /
) -> Int[Tensor, "b t"]:
    """Texts in which that share of the tokens (at least one) is one of another place."""
    moved = x.clone()
    for row in moved:
        there = (row != padding).nonzero()[:, 0] if padding is not None else torch.arange(len(row))
        count = max(1, int(share * len(there)))
        at = there[torch.randperm(len(there), generator=generator)[:count]]
        row[at] = x.flatten()[torch.randint(x.numel(), (len(at),), generator=generator)]
    return moved


def _share(right: Tensor) -> Share:
    hits, n = int(right.sum()), len(right)
    return Share(hits / n, *exact(hits, n))


def _changed(subject: Subject, x: Tensor, moved: Tensor, fell: Tensor) -> Markup:
    """A few texts that fell."""
    tokenizer, padding = subject.model.tokenizer, subject.model.signature.input.padding_id
    if tokenizer is None or not bool(fell.any()):
        return Markup()

    def read(rows: Sequence[list[int]]) -> list[str]:
        return [tokenizer.decode([t for t in row if t != padding])[:200] for row in rows]

    few = fell.nonzero()[:5, 0]
    pairs = zip(read(x[few].tolist()), read(moved[few].tolist()), strict=True)
    return table(Table(["before", "after"], list(pairs), "texts that fell", frozenset({1})))
