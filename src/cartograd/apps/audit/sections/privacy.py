"""What the model tells of those it learned from: a membership attack, and what it bounds.

An example that the model learned from is answered more surely than one that it never saw. The
better an attack by that tells the two apart, the more a training has told; the same curve bounds
from below the epsilon of any account of it (`frontier/privacy/membership`). A low figure is no
proof of privacy: stronger attacks train models of their own.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from jaxtyping import Float
from markupsafe import Markup
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.answers.private import bounded
from cartograd.apps.audit.figure import NONE, Figure, beating, limited
from cartograd.apps.audit.section import Found
from cartograd.apps.audit.subject import Subject
from cartograd.apps.report.parts import Table, chart
from cartograd.apps.report.theme import BLUE, MUTED, quiet
from cartograd.apps.report.theme import chart as draw
from cartograd.apps.verbs.leak import leak
from cartograd.frontier.privacy.membership import membership, scores
from cartograd.practice.metrics.proportion import exact

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

GOOD, BAD = 0.55, 0.65
"""Areas under the curve of the attack that pass, and that fail."""
ALARM = 0.01
LEAST = 20
"""Members and others without which nothing is said."""


@dataclass(frozen=True)
class Privacy:
    """Membership inference, and the declared epsilon beside the audited one."""

    name: ClassVar[str] = "privacy"
    title: ClassVar[str] = "Privacy"
    asks: ClassVar[str] = "Can one tell whom it learned from?"
    weight: ClassVar[float] = 1.0
    pilot: ClassVar[int] = 50

    def why_not(self, subject: Subject, /) -> str:
        """It needs classes, and examples of the training."""
        if not subject.classifies:
            return "the attack goes by how sure a class is, and its answers are no single class"
        if subject.train is None:
            return (
                "the examples that it learned from are not known here; audit a run with the data "
                "of its training, or a model with a dataset that has a training part"
            )
        if min(len(subject), len(subject.train)) < LEAST:
            return f"it takes {LEAST} members and as many others at least"
        return ""

    def names(self, _: Subject, /) -> tuple[str, ...]:
        """The same of all; those of canaries where the run has some."""
        return "membership_auc", "hits_1pct", "epsilon", "canary_auc", "canary_epsilon"

    def measure(self, subject: Subject, /) -> Found:
        """As many members as others."""
        train = subject.train
        assert train is not None
        n = min(len(subject), len(train))
        halves = (train.select(range(n)), subject.examples.select(range(n)))
        device = subject.model.output_mean.device
        inside, outside = (
            scores(subject.model, half.inputs.to(device), half.targets.to(device)).cpu()
            for half in halves
        )
        account = subject.origin.about.get("privacy")
        delta = float(account["delta"]) if account else 0.0
        leak = membership(inside, outside, delta=delta)
        found = round(leak.hits[ALARM] * n)
        area = Figure(
            "membership_auc", leak.auc, leak.low, leak.high, 2 * n, "membership attack, area",
            0.5, "guessing", "lower",
        )  # fmt: skip
        hits = beating(
            "hits_1pct", leak.hits[ALARM], *exact(found, n), n=2 * n, control=ALARM,
            against="guessing", title="members found at 1 % false alarms", better="lower",
            worst="warn",
        )  # fmt: skip
        more, untested = _canaries(subject, account)
        return Found(
            (
                limited(area, good=GOOD, bad=BAD), _mild(hits),
                _epsilon("epsilon", leak.epsilon, account, 2 * n), *more,
            ),
            _lead(account, max([leak.epsilon, *(f.value for f in more[1:])]), n),
            _roc(inside, outside),
            leak.to_json() | {"declared": account},
            untested,
        )  # fmt: skip


def _canaries(
    subject: Subject, account: dict[str, Any] | None
) -> tuple[list[Figure], tuple[str, ...]]:
    """What canaries tell, where the run was trained with some; and what was not tried."""
    rest = "attacks with shadow models, model inversion (cartograd leak --method lira, ...)"
    if not subject.origin.about.get("settings", {}).get("canaries"):
        return [], (rest, "canaries, which find more: train with --set canaries=200")
    found = leak(subject.target, subject.read, method="canaries", seed=subject.seed)
    told, n = found.found, found.examples
    low, high = found.interval
    area = Figure(
        "canary_auc", found.value, low, high, n, "canaries told apart, area", found.by_chance,
        "membership shuffled", "lower",
    )  # fmt: skip
    return [
        replace(area, mark="warn" if low > 0.5 else "pass", rule="warns where the interval is "
                "above 0.5: a wrong class was learned by heart"),
        _epsilon("canary_epsilon", told.epsilon, account, n),
    ], (rest,)  # fmt: skip


def _mild(figure: Figure) -> Figure:
    """Hits that cannot be told from guessing pass: no attack finds fewer."""
    told = figure.low <= figure.control
    rule = "warns where the interval is above the control"
    return replace(figure, mark="pass" if told else "warn", rule=rule)


def _epsilon(name: str, audited: float, account: dict[str, Any] | None, n: int) -> Figure:
    """The bound from below, beside what was declared."""
    declared = float(account["epsilon"]) if account else NONE
    told = "declared by the run's account" if account else "none declared"
    rule = "fails where it is above the declared epsilon"
    return Figure(
        name, audited, audited, math.inf, n,
        f"epsilon is at least{', by canaries' if 'canary' in name else ''}", declared, told,
        "lower", "", "fail" if account and audited > declared else "pass" if account else "",
        rule if account else "told, as none is declared",
    )  # fmt: skip


def _lead(account: dict[str, Any] | None, audited: float, n: int) -> str:
    said = (
        f"The run's account: {bounded(account)}."
        if account
        else "The run declares no differential privacy."
    )
    return (
        f"{n:,} members against {n:,} that training never saw, by how sure the right answer is. "
        f"{said} By these attacks epsilon is {units.number(audited)} at least, at 95 %."
    )


def _roc(inside: Float[Tensor, " n"], outside: Float[Tensor, " m"]) -> Markup:
    """Hits by false alarms, both in logarithms: the low end is what counts."""
    places = torch.cat([inside, outside]).sort(descending=True).values
    rates = [
        1 - torch.searchsorted(one.sort().values, places, right=False).double() / len(one)
        for one in (outside, inside)
    ]
    alarms, hits = (rate.clamp(min=0.3 / len(inside)).tolist() for rate in rates)
    least = 0.5 / len(outside)

    def paint(canvas: "Canvas") -> None:
        axes = canvas.subplots()
        axes.plot([least, 1], [least, 1], color=MUTED, linewidth=1, dashes=(4, 4))
        axes.plot(alarms, hits, color=BLUE, drawstyle="steps-post")
        axes.set(
            xscale="log", yscale="log", xlim=(least, 1), ylim=(least, 1.1),
            xlabel="false alarms", ylabel="members found",
        )  # fmt: skip
        quiet(axes, grid="both")

    at = [0.001, 0.01, 0.1, 0.5]
    ranked = outside.sort(descending=True).values
    rows = [
        [units.percent(rate), units.percent(
            float((inside > ranked[int(rate * len(outside))]).double().mean()))]
        for rate in at
    ]  # fmt: skip
    alt = "Members found by false alarms, in logarithms; the diagonal is guessing."
    twin = [Table(["false alarms", "members found"], rows)]
    return chart(draw("membership", (460, 380), paint, alt=alt), twin=twin)
