"""What can be proved: answers that no change within eps can turn, whatever the attack.

Below the accuracy under attack, which is an upper bound, lies what intervals (IBP) and lines
(CROWN) prove, a lower bound. The truth is between the two; what is neither proved nor refuted is
unknown. The bounds are computed in float64 for the model as its operations are written down.

    IBP <= CROWN <= truth <= PGD <= clean
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Bool
from markupsafe import Markup
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.audit.figure import Figure
from cartograd.apps.audit.section import Found
from cartograd.apps.audit.subject import Subject
from cartograd.apps.report.parts import Table, chart
from cartograd.apps.report.theme import BLUE, GOLD, INK, LINE, quiet
from cartograd.apps.report.theme import chart as draw
from cartograd.apps.verbs.attack import attack, bounded
from cartograd.apps.verbs.security_curve import SHARES
from cartograd.core.build import build
from cartograd.core.protocols import CALLS
from cartograd.core.spec import Spec
from cartograd.practice.metrics.proportion import exact

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
        """Proofs and attacks of the same examples."""
        x, right = subject.examples.inputs, subject.right()
        low, high = subject.model.signature.input.bounds or (float(x.min()), float(x.max()))
        eps = [share * (high - low) for share in SHARES]
        proved = {name: [_proved(subject, name, size) for size in eps] for name in VERIFIERS}
        stands = [right & _stands(subject, size) for size in eps]
        best, n = proved[VERIFIERS[-1]], len(subject)
        figures = [
            Figure(
                name, *_share(found), n, f"proved at eps = {units.percent(share, digits=0)}",
                float(upper.double().mean()), "what stands against PGD: the truth is between",
                "higher", "%", "", "told, not judged: what is not proved may stand all the same",
            )
            for name, share, found, upper in zip(SIZES, SHARES, best, stands, strict=True)
        ]  # fmt: skip
        broken = sum(int((one & ~upper).sum()) for one, upper in zip(best, stands, strict=True))
        figures.append(
            Figure(
                "contradictions", broken, n=n * len(eps), title="proved, and turned by an attack",
                control=0.0, against="none, if bounds and attack are right", better="lower",
                mark="fail" if broken else "pass", rule="fails where there is any",
            )
        )  # fmt: skip
        lines = {"PGD": stands} | {name.upper(): proved[name] for name in VERIFIERS[::-1]}
        shares = {
            name: [float(one.double().mean()) for one in (right, *found)]
            for name, found in lines.items()
        }
        return Found(
            tuple(figures),
            "The line above is what stands against PGD, those below are what is proved; what lies "
            "between (grey) is unknown: no attack was found, and no proof.",
            _drawn([0.0, *eps], shares, n),
            {"eps": eps, "clean": shares["PGD"][0],
             "curves": {name: line[1:] for name, line in shares.items()}},
            ("randomised smoothing, and proofs for other norms than linf",
             "rounding of the float32 arithmetic that serves the model"),
        )  # fmt: skip


def _proved(subject: Subject, name: str, eps: float) -> Bool[Tensor, " n"]:
    """Which answers are proved."""
    port, x = subject.model.signature.input, subject.examples.inputs
    told = {} if port.bounds else {"bounds": (float(x.min()), float(x.max()))}
    verifier = build(Spec(name, {"eps": eps} | told), kind="verifier")
    assert isinstance(verifier, CALLS["verifier"])
    device = subject.model.output_mean.device
    return verifier(subject.model, x.to(device), subject.examples.targets.to(device)).proved.cpu()


def _stands(subject: Subject, eps: float) -> Bool[Tensor, " n"]:
    """Which answers are right after PGD."""
    x, y = subject.examples.inputs, subject.examples.targets
    method = bounded(Spec("pgd", {"eps": eps, "steps": 20}), subject.model, x)
    return subject.said(attack(subject.model, x, y, method=method).cpu()) == y


def _share(hits: Bool[Tensor, " n"]) -> tuple[float, float, float]:
    count, n = int(hits.sum()), len(hits)
    return count / n, *exact(count, n)


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
