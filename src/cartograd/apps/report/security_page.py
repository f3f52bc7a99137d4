"""The security curve as a page: accuracy by size, the checks, and a few examples that fell."""

from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.apps.report.adversarial import adversarial
from cartograd.apps.report.page import write_report
from cartograd.apps.report.parts import Figure, Section, Table, chart, note, table
from cartograd.apps.report.theme import BLUE, GOLD, INK, MUTED, RED, quiet
from cartograd.apps.report.theme import chart as draw
from cartograd.apps.results.security_curve import RANDOM, SecurityCurve, Share, Shown
from cartograd.core.ports import Port
from cartograd.data.dataset.dataset import Split

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

COLOURS, STYLES = (BLUE, RED, GOLD, INK), ("-", "-.", ":")


def security_page(path: str | Path, found: SecurityCurve, /) -> Path:
    """Write the page, whole or not at all.

    Raises:
        UsageError: the file cannot be written.
    """
    worst = min(shares[-1].value for name, shares in found.shares.items() if name != RANDOM)
    return write_report(
        path,
        security_sections(found),
        title=f"{found.model} under attack",
        summary=f"{found.examples} examples of {found.source}; sizes by {found.norm}, in the units "
        "of the input.",
        figures=[
            Figure("without attack", units.percent(found.clean.value)),
            Figure(f"at eps {units.number(found.eps[-1])}", units.percent(worst), "the strongest"),
            Figure("checks passed", f"{sum(c.passed for c in found.checks)}/{len(found.checks)}"),
        ],
    )


def security_sections(found: SecurityCurve, /) -> list[Section | None]:
    """The curve, the checks, and a few examples that fell."""
    return [_curves(found), _checks(found), _examples(found)]


def _curves(found: SecurityCurve) -> Section:
    at = (0.0, *found.eps)

    def paint(canvas: "Canvas") -> None:
        axes = canvas.subplots()
        for number, (name, shares) in enumerate(found.shares.items()):
            line = (found.clean, *shares)
            colour = MUTED if name == RANDOM else COLOURS[number % len(COLOURS)]
            style = "--" if name == RANDOM else STYLES[number // len(COLOURS) % len(STYLES)]
            lows, highs = [one.low for one in line], [one.high for one in line]
            axes.fill_between(at, lows, highs, color=colour, alpha=0.1, linewidth=0)
            axes.plot(
                at, [one.value for one in line], style, color=colour, marker="o", markersize=4,
                label=f"{name} changes" if name == RANDOM else name,
            )  # fmt: skip
        axes.set(
            xlabel=f"eps ({found.norm})", ylabel="accuracy", ylim=(0, 1.05), yticks=(0, 0.5, 1)
        )
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        axes.legend(frameon=False)
        quiet(axes)

    drawing = draw("security", (640, 320), paint, alt=_spoken(found))
    head = ["method", *(f"eps {units.number(size)}" for size in found.eps), "passes"]
    rows = [
        [name, *map(_cell, shares), _cost(found, name)] for name, shares in found.shares.items()
    ]
    rows.insert(0, ["none", *[_cell(found.clean)] * len(found.eps), ""])
    body = chart(drawing, twin=[Table(head, rows, "accuracy with its 95 % interval")])
    for line in found.notes:
        body += note(line)
    lead = (
        "How many answers stay right as the inputs may change more; bands are 95 % intervals. "
        "Random changes of the same size are the control: what they do is no attack."
    )
    return Section("curve", "Security curve", lead, body)


def _cell(share: Share) -> str:
    return (
        f"{units.percent(share.value)} ({units.percent(share.low, digits=0)} to "
        f"{units.percent(share.high, digits=0)})"
    )


def _cost(found: SecurityCurve, name: str) -> str:
    return units.number(round(found.passes[name])) if name in found.passes else ""


def _spoken(found: SecurityCurve) -> str:
    lines = [
        f"{name}: "
        + ", ".join(
            f"{units.percent(share.value)} at {units.number(size)}"
            for size, share in zip(found.eps, shares, strict=True)
        )
        for name, shares in found.shares.items()
    ]
    return f"Accuracy, without attack {units.percent(found.clean.value)}. " + "; ".join(lines)


def _checks(found: SecurityCurve) -> Section:
    rows = [[check.name, "yes" if check.passed else "NO", check.said] for check in found.checks]
    lead = (
        "Where one of these fails, gradients may lead attacks astray, and the model is less robust "
        "than the curve says."
    )
    content = Table(
        ["check", "holds", "found"], rows, "signs of masked gradients", frozenset({1, 2})
    )
    return Section("checks", "Can the curve be believed?", lead, table(content))


def _examples(found: SecurityCurve) -> Section | None:
    shown, port = found.shown, found.signature.input
    if shown is None:
        return None
    if port.kind == "image":
        return adversarial(
            Split(shown.inputs, shown.targets, found.signature), shown.adversarial, shown.outputs,
            shown.adversarial_outputs, method=shown.method, eps=shown.eps,
        )  # fmt: skip
    lead = f"By {shown.method} at eps = {units.number(shown.eps)}; the largest changes of each."
    return Section("adversarial", "Adversarial examples", lead, _rows(found, shown))


def _rows(found: SecurityCurve, shown: Shown) -> Markup:
    """Of rows and series the numbers that moved most."""
    labels, rows = found.signature.output.labels, []
    for x, z, before, after in zip(
        shown.inputs, shown.adversarial, shown.outputs, shown.adversarial_outputs, strict=True
    ):
        said, says = (_label(one, labels) for one in (before, after))
        change = (z - x).flatten()
        names = names_of(found.signature.input, x)
        heading = f"{said} → {says}"
        for at in change.abs().argsort(descending=True)[:3].tolist():
            was, now = float(x.flatten()[at]), float(z.flatten()[at])
            if was == now:
                continue
            rows.append([heading, names[at], units.number(was), units.number(now)])
            heading = ""
    return table(Table(["said → says", "number", "before", "after"], rows, "", frozenset({1})))


def _label(outputs: Tensor, labels: tuple[str, ...]) -> str:
    number = int(outputs[0] > 0) if len(outputs) == 1 else int(outputs.argmax())
    return labels[number] if labels else str(number)


def names_of(port: Port, x: Tensor, /) -> list[str]:
    """What each number of an example is called."""
    if port.columns:
        return [column.name for column in port.columns for _ in range(column.width)]
    if x.ndim == 2:
        return [f"moment {t + 1}, number {f + 1}" for t in range(len(x)) for f in range(x.shape[1])]
    return [f"{port.name}[{at}]" for at in range(x.numel())]
