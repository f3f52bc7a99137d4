"""What can be proved: answers that no change within eps can turn, whatever the attack.

Below the accuracy under attack, which is an upper bound, lies what intervals (IBP) and lines
(CROWN) prove, a lower bound. The truth is between the two; what is neither proved nor refuted is
unknown. The bounds are computed in float64 for the model as its operations are written down.

    IBP <= CROWN <= truth <= PGD <= clean
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from markupsafe import Markup

from cartograd.apps.answers import units
from cartograd.apps.audit.figure import Figure
from cartograd.apps.audit.section import Found
from cartograd.apps.audit.subject import Subject
from cartograd.apps.report.parts import Table, chart
from cartograd.apps.report.theme import BLUE, GOLD, INK, LINE, quiet
from cartograd.apps.report.theme import chart as draw
from cartograd.apps.verbs.security_curve import SHARES
from cartograd.apps.verbs.verify import verify

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

VERIFIERS = ("ibp", "crown")
"""From loose to tight; the card's figures are of the last."""

SIZES = tuple(f"proved_{100 * share:g}pct" for share in SHARES)


@dataclass(frozen=True)
class Certified:
    """The share of answers that are right and proved, at each size of the security curve."""

    name: ClassVar[str] = "certified"
    title: ClassVar[str] = "Proved"
    asks: ClassVar[str] = "What can no attack of this size do?"
    weight: ClassVar[float] = 3.0
    pilot: ClassVar[int] = 2

    def why_not(self, subject: Subject, /) -> str:
        """Classes, and one input of real numbers."""
        signature = subject.model.signature
        if not subject.classifies:
            return "proofs are of a class, and its answers are no single class for each example"
        if len(signature.inputs) > 1:
            return "the model takes several inputs, and proofs are of changes of one"
        if signature.input.kind == "text":
            return "proofs are of small changes, and tokens cannot move by a little"
        return ""

    def names(self, _: Subject, /) -> tuple[str, ...]:
        """Of each size; and how often a proof and an attack contradict each other."""
        return (*SIZES, "contradictions")

    def measure(self, subject: Subject, /) -> Found:
        """Proofs and attacks of the same examples, as `cartograd verify` makes them."""
        x, n = subject.examples.inputs, len(subject)
        low, high = subject.model.signature.input.bounds or (float(x.min()), float(x.max()))
        eps = [share * (high - low) for share in SHARES]
        found = verify(
            subject.model, subject.examples, VERIFIERS, eps=eps, examples=n, device=subject.device
        )
        best = found.methods[VERIFIERS[-1]]
        figures = [
            Figure(
                name, told.proved.value, told.proved.low, told.proved.high, n,
                f"proved at eps = {units.percent(share, digits=0)}", stands.value,
                "what stands against PGD: the truth is between", "higher", "%", "",
                "told, not judged: what is not proved may stand all the same",
            )
            for name, share, told, stands in zip(SIZES, SHARES, best, found.attacked, strict=True)
        ]  # fmt: skip
        figures.append(
            Figure(
                "contradictions", found.fallen, n=n * len(eps), title="proved, and turned by an "
                "attack", control=0.0, against="none, if bounds and attack are right",
                better="lower", mark="fail" if found.fallen else "pass",
                rule="fails where there is any",
            )
        )  # fmt: skip
        lines = {"PGD": found.attacked} | {
            name.upper(): tuple(one.proved for one in found.methods[name])
            for name in VERIFIERS[::-1]
        }
        shares = {
            name: [found.clean.value, *(one.value for one in line)] for name, line in lines.items()
        }
        return Found(
            tuple(figures),
            "The line above is what stands against PGD, those below are what is proved; what lies "
            "between (grey) is unknown: no attack was found, and no proof.",
            _drawn([0.0, *eps], shares, n),
            found.to_json(),
            (
                "proofs for other norms than linf, of rotations and of the smoothed model "
                "(cartograd verify has them)",
                *found.notes,
            ),
        )


def _drawn(eps: list[float], shares: dict[str, list[float]], n: int) -> Markup:
    """The attack above, the proofs below, and the unknown between them in grey."""
    upper, lower = shares["PGD"], shares[VERIFIERS[-1].upper()]

    def paint(canvas: "Canvas") -> None:
        axes = canvas.subplots()
        axes.fill_between(eps, lower, upper, color=LINE, alpha=0.6, linewidth=0, label="unknown")
        axes.fill_between(eps, lower, color=BLUE, alpha=0.15, linewidth=0)
        for (name, line), colour in zip(shares.items(), (INK, BLUE, GOLD), strict=True):
            word = "stands against" if name == "PGD" else "proved by"
            axes.plot(eps, line, color=colour, marker="o", markersize=4, label=f"{word} {name}")
        axes.set(xlabel="eps (linf)", ylabel="right", ylim=(0, 1.05), yticks=(0, 0.5, 1))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
        quiet(axes)

    head = ["", *map(units.number, eps)]
    rows = [[name, *map(units.percent, line)] for name, line in shares.items()]
    alt = (
        f"At the largest size {units.percent(upper[-1])} stand against PGD and "
        f"{units.percent(lower[-1])} are proved."
    )
    twin = [Table(head, rows, f"shares of {n:,} examples, by eps")]
    return chart(draw("certified", (720, 320), paint, alt=alt), twin=twin)
