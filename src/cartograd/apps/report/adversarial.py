"""Adversarial examples: how little it takes to turn a right answer into a wrong one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jaxtyping import Float
from markupsafe import Markup
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.answers.probabilities import class_probabilities
from cartograd.apps.report.parts import Bar, Section, Table, Tile, chart, tiles
from cartograd.apps.report.pictures import image, signed
from cartograd.apps.report.theme import BLUE, MUTED, quiet
from cartograd.apps.report.theme import chart as draw
from cartograd.data.dataset.dataset import Split

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def adversarial(
    shown: Split,
    changed: Float[Tensor, "n ..."],
    outputs: Float[Tensor, "n k"],
    changed_outputs: Float[Tensor, "n k"],
    /,
    *,
    method: str,
    eps: float,
    robust: Sequence[tuple[float, float]] = (),
) -> Section | None:
    """The accuracy against the size of the attack; for images some before, the change, and after.

    Args:
        shown: the attacked examples.
        changed: what the attack made of their inputs.
        outputs: logits for the inputs.
        changed_outputs: logits for `changed`.
        method: the attack's spec.
        eps: the largest change of a number, in the units of the input's bounds.
        robust: pairs of eps and the accuracy under an attack of that size, in order.
    """
    port = shown.signature.input
    pictures = port.kind == "image" and len(shown) > 0
    if not pictures and not robust:
        return None
    what = "pixel" if port.kind == "image" else "number"
    least, most = port.bounds or (0.0, 0.0)
    share = f", {units.percent(eps / (most - least), digits=0)} of its range" if port.bounds else ""
    lead = (
        f"Each {what} may change by at most eps = {units.number(eps)}{share}, and the attack looks "
        f"for the change that hurts most. By {method}."
    )
    body = _curve(robust) if robust else Markup("")
    if pictures:
        body += _pairs(shown, changed, outputs, changed_outputs, eps)
    return Section("adversarial", "Adversarial examples", lead, body)


def _pairs(
    shown: Split, changed: Tensor, outputs: Tensor, changed_outputs: Tensor, eps: float
) -> Markup:
    port, labels, content = shown.signature.input, shown.signature.output.labels, []
    for x, z, p, q in zip(
        shown.inputs,
        changed,
        class_probabilities(outputs),
        class_probabilities(changed_outputs),
        strict=True,
    ):
        first, then = labels[int(p.argmax())], labels[int(q.argmax())]
        pictures = (
            image(x, port, alt=f"the image, predicted as {first}", label="original"),
            signed(z - x, alt="the change, red is brighter", label="change", limit=2 * eps),
            image(z, port, alt=f"the changed image, predicted as {then}", label="attacked"),
        )
        bars = (
            Bar(f"said {first}", float(p.max()), "blue"),
            Bar(f"says {then}", float(q.max()), "red" if first != then else "blue"),
        )
        content.append(Tile(pictures, bars))
    return tiles(content)


def _curve(robust: Sequence[tuple[float, float]]) -> Markup:
    sizes, shares = zip(*robust, strict=True)

    def paint(figure: "Figure") -> None:
        axes = figure.subplots()
        axes.fill_between(sizes, shares, color=BLUE, alpha=0.12, linewidth=0)
        axes.plot(sizes, shares, color=BLUE, marker="o", markersize=5)
        for at, share in robust:
            axes.annotate(
                units.percent(share, digits=0), (at, share), (0, 9),
                textcoords="offset points", ha="center", color=MUTED,
            )  # fmt: skip
        axes.set(xlabel="eps", ylabel="accuracy under attack", ylim=(0, 1.12), yticks=(0, 0.5, 1))
        axes.set_xticks(sizes, [units.number(at) for at in sizes])
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        quiet(axes)

    alt = "Accuracy under attack: " + ", ".join(
        f"{units.percent(share)} at eps {units.number(at)}" for at, share in robust
    )
    rows = [[units.number(at), units.percent(share)] for at, share in robust]
    drawing = draw("robust", (620, 250), paint, alt=alt)
    return chart(drawing, twin=[Table(["eps", "accuracy under attack"], rows)])
