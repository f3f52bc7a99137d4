"""The pages that tell what a run's curves say, or what a model does in training."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from cartograd.apps.answers import units
from cartograd.apps.report.curves import curves
from cartograd.apps.report.page import write_report
from cartograd.apps.report.parts import Figure, Section, Table, chart, table
from cartograd.apps.report.speed import speed
from cartograd.apps.report.theme import BLUE, GOLD, MUTED, quiet
from cartograd.apps.report.theme import chart as draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

    from cartograd.apps.results.model_diagnosis import ModelDiagnosis
    from cartograd.apps.results.run_diagnosis import RunDiagnosis
    from cartograd.training.diagnosis.finding import Finding
    from cartograd.training.diagnosis.layer_report import Layer
    from cartograd.training.diagnosis.lr_range import LRRange


def run_page(path: str | Path, diagnosis: "RunDiagnosis", /) -> Path:
    """Write the diagnosis of a run as one self-contained HTML file.

    Raises:
        UsageError: the file cannot be written.
    """
    run = diagnosis.run
    sections = [
        findings(diagnosis.findings),
        curves(run.history, best=run.best.get("epoch")),
        speed(run.speed),
    ]
    constant = (
        "" if diagnosis.chance is None else f" A constant answer has loss {diagnosis.chance:.3g}."
    )
    return write_report(
        path, sections, title=f"Diagnosis of {run.folder.name}",
        summary=f"What the curves of {len(run.history)} epochs say.{constant}",
        figures=[Figure("Finding", diagnosis.findings[0].name)],
    )  # fmt: skip


def model_page(path: str | Path, diagnosis: "ModelDiagnosis", /) -> Path:
    """Write the diagnosis of a model as one self-contained HTML file.

    Raises:
        UsageError: the file cannot be written.
    """
    figures = [Figure("Finding", diagnosis.findings[0].name)]
    if diagnosis.rate and diagnosis.rate.suggestion:
        limit = "" if diagnosis.rate.limit is None else f"rises from {diagnosis.rate.limit:.1e} on"
        figures.append(Figure("Learning rate", f"{diagnosis.rate.suggestion:.1e}", limit))
    if diagnosis.noise:
        reach = f"{units.number(diagnosis.noise.low)} to {units.number(diagnosis.noise.high)}"
        figures.append(Figure("Noise scale", units.number(diagnosis.noise.scale), reach))
    if diagnosis.batch:
        remark = "all training examples" if diagnosis.batch.capped else "examples"
        figures.append(Figure("Largest batch", f"{diagnosis.batch.size:,}", remark))
    return write_report(
        path,
        [
            findings(diagnosis.findings),
            _layers(diagnosis.layers.layers) if diagnosis.layers else None,
            _rate(diagnosis.rate) if diagnosis.rate else None,
            _batch(diagnosis),
        ],
        title=f"Diagnosis of {diagnosis.name} on {diagnosis.data}",
        summary=f"Batches of {diagnosis.batch_size}, {diagnosis.optimizer}; nothing was trained.",
        figures=figures,
    )


def findings(found: "Sequence[Finding]", /) -> Section:
    """Each finding with what was seen and what to try."""
    rows = [[x.name, x.evidence, "; ".join(x.advice)] for x in found]
    head = ["finding", "what was seen", "what to try, the likeliest first"]
    body = table(Table(head, rows, text=frozenset({1, 2})))
    return Section("findings", "Findings", "", body)


def _layers(layers: "Sequence[Layer]") -> Section:
    flows = [x for x in layers if x.gradient]

    def paint(figure: "Drawing") -> None:
        from matplotlib.ticker import MaxNLocator

        left, right = figure.subplots(1, 2)
        left.plot(range(1, len(layers) + 1), [x.std for x in layers], "o-", color=BLUE)
        left.set_title("Spread of outputs")
        if flows:
            places = [i + 1 for i, x in enumerate(layers) if x.gradient]
            right.plot(places, [x.gradient or 0 for x in flows], "o-", color=GOLD)
            right.set_yscale("log")
        right.set_title("Gradient at the output")
        for axes in (left, right):
            axes.set_xlabel("layer")
            axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
            quiet(axes)

    drawing = draw("layers", (820, 300), paint, alt=_alt(layers))
    head = [
        "layer", "kind", "mean", "spread", "zeros", "flat", "dead", "gradient", "weights",
        "their gradient", "step",
    ]  # fmt: skip
    rows = [
        [x.name or "(itself)", x.kind, units.number(x.mean), units.number(x.std)]
        + [_share(value) for value in (x.zeros, x.flat, x.dead)]
        + [_number(value) for value in (x.gradient, x.weight, x.weight_gradient, x.update)]
        for x in layers
    ]  # fmt: skip
    lead = (
        "One training step, from input to output. The gradient is that of one example's loss; a "
        "step is how far the optimizer moves the weights, as a share of their norm (about a "
        "thousandth is usual)."
    )
    body = chart(drawing) + table(Table(head, rows, text=frozenset({1})))
    return Section("layers", "Layers", lead, body)


def _alt(layers: "Sequence[Layer]") -> str:
    first, last = layers[0], layers[-1]
    return (
        f"Spread of the outputs from {first.std:.3g} at {first.name} to {last.std:.3g} at "
        f"{last.name}; gradients from {_number(first.gradient)} to {_number(last.gradient)}"
    )


def _rate(sweep: "LRRange") -> Section:
    def paint(figure: "Drawing") -> None:
        axes = figure.subplots()
        axes.plot(sweep.rates, sweep.losses, color=MUTED, linewidth=1)
        axes.plot(sweep.rates, sweep.smoothed, color=BLUE)
        axes.set_xscale("log")
        best, start = min(sweep.losses), sweep.losses[0]
        axes.set_ylim(best - 0.1 * (start - best), start + max(start - best, 0.1 * abs(start)))
        for rate, colour, word in (
            (sweep.suggestion, GOLD, "suggestion"), (sweep.limit, MUTED, "limit"),
        ):  # fmt: skip
            if rate is not None:
                axes.axvline(rate, color=colour, linewidth=1.2)
                axes.annotate(
                    word, (rate, 1), (3, -12), xycoords=("data", "axes fraction"),
                    textcoords="offset points", color=colour,
                )  # fmt: skip
        axes.set_xlabel("learning rate")
        axes.set_title("Loss while the rate rises")
        quiet(axes)

    ends = {"steps": "at its last step", "rose": "as the loss had doubled"}
    lead = (
        "The rate rises by the same factor at each step, on a copy. The suggestion is where the "
        "loss falls fastest; from the limit on it rises. The sweep ended "
        + ends.get(sweep.ended, "as the loss was not finite")
        + "."
    )
    alt = f"Loss against learning rate; suggestion {sweep.suggestion}, limit {sweep.limit}"
    drawing = draw("rate", (620, 320), paint, alt=alt)
    rows = [
        [f"{rate:.2e}", units.number(loss), units.number(mean)]
        for rate, loss, mean in zip(sweep.rates, sweep.losses, sweep.smoothed, strict=True)
    ]
    twin = Table(["rate", "loss", "running mean"], rows, "Every step")
    return Section("rate", "Learning rate", lead, chart(drawing, twin=[twin]))


def _batch(diagnosis: "ModelDiagnosis") -> Section | None:
    rows = []
    if diagnosis.noise:
        x = diagnosis.noise
        told = f"{units.number(x.scale)} ({units.number(x.low)} to {units.number(x.high)})"
        rows.append(["gradient noise scale", told])
        rows.append(["of which signal and noise", f"{x.signal:.3g} and {x.noise:.3g}"])
    if diagnosis.batch:
        y = diagnosis.batch
        rows.append(["largest batch that fits", f"{y.size:,} of {units.size(y.budget)}"])
        rows.append(["fixed memory", units.size(y.fixed)])
        rows.append(["memory for each example", units.size(y.per_example)])
    rows += [[f"{word} was left out", reason] for word, reason in diagnosis.left_out.items()]
    if not rows:
        return None
    lead = (
        "Above the noise scale a larger batch hardly lessens the steps that are needed; far below "
        "it, twice the batch nearly halves them."
    )
    body = table(Table(["what", "measured"], rows, text=frozenset({1})))
    return Section("batch", "Batch size", lead, body if rows else Markup(""))


def _number(value: float | None) -> str:
    return "" if value is None else units.number(value)


def _share(value: float | None) -> str:
    return "" if value is None else units.percent(value)
