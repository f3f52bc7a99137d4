"""Say what is wrong with a training run or a model, and what to try; writes a page."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cartograd.apps.answers import units
from cartograd.apps.cli import output
from cartograd.apps.cli.common import File, Many, Seed

if TYPE_CHECKING:
    from cartograd.apps.results.model_diagnosis import ModelDiagnosis
    from cartograd.apps.results.run_diagnosis import RunDiagnosis
    from cartograd.training.diagnosis.finding import Finding
    from cartograd.training.diagnosis.layer_report import Layer


def diagnose_(
    target: str,
    /,
    *,
    data: str | None = None,
    looks: Many = (),
    objective: str | None = None,
    optimizer: str | None = None,
    batch_size: int | None = None,
    steps: int = 100,
    memory: float | None = None,
    seed: Seed = None,
    device: str | None = None,
    out: File = None,
    json: bool = False,
) -> None:
    """Say what is wrong with a training run or a model, and what to try; writes a page.

    Args:
        target: a run folder, for what its curves say; or a model like lenet5, with --data.
        data: a source, like digits: look at the model (or at that of the run) in training on it.
        looks: some of layers, rate, noise, batch; by default all.
        objective: what to learn; by default what is usual for the data.
        optimizer: like adamw:lr=3e-3.
        batch_size: examples in a batch.
        steps: of the learning-rate sweep.
        memory: GiB that a step may take; by default four fifths of what is free.
        seed: of weights, order and dropout.
        device: auto, cpu, cuda or mps.
        out: the HTML file to write; by default diagnosis.html in the run's folder, or
            diagnosis-MODEL-DATA.html here.
        json: print one object.
    """
    from cartograd.apps.verbs.diagnose import LOOKS, diagnose

    chosen = [word.strip() for text in looks for word in text.split(",") if word.strip()]
    options: dict[str, Any] = {"objective": objective, "optimizer": optimizer, "memory": memory}
    options |= {"batch_size": batch_size, "seed": seed, "device": device}
    output.check_page(out)
    verb: Any = diagnose
    if data is None:
        _run(verb(target, looks=tuple(chosen), **options), out, json=json)
        return
    found: ModelDiagnosis = verb(target, data, looks=chosen or LOOKS, steps=steps, **options)
    stem = re.sub(r"[^\w.]+", "-", f"diagnosis-{Path(target).name}-{found.data}").strip("-")
    page = found.draw(out or Path(f"{stem}.html"))
    if json:
        output.emit(asdict(found) | {"report": page})
        return
    if found.layers:
        _layers(found.layers.layers)
    lines = []
    if found.rate and found.rate.suggestion:
        limit = f" (the loss rises from {found.rate.limit:.1e} on)" if found.rate.limit else ""
        lines.append(("learning rate", f"{found.rate.suggestion:.1e}{limit}"))
    if found.noise:
        low, high = units.number(found.noise.low), units.number(found.noise.high)
        told = f"{units.number(found.noise.scale)} examples ({low} to {high})"
        lines.append(("noise scale", told))
    if found.batch:
        most = " (all there are)" if found.batch.capped else ""
        told = f"{found.batch.size:,} examples{most} in {units.size(found.batch.budget)}"
        lines.append(("largest batch", told))
    lines += [(f"no {word}", reason) for word, reason in found.left_out.items()]
    if lines:
        output.lines(lines)
        print()
    _findings(found.findings)
    output.lines([("report", str(page))])


def _run(diagnosis: "RunDiagnosis", out: Path | None, *, json: bool) -> None:
    page = diagnosis.draw(out or diagnosis.run.folder / "diagnosis.html")
    if json:
        plain = {
            "run": diagnosis.run.folder,
            "state": diagnosis.run.state,
            "chance": diagnosis.chance,
        }
        output.emit(plain | {"findings": [asdict(x) for x in diagnosis.findings], "report": page})
        return
    _findings(diagnosis.findings)
    output.lines([("report", str(page))])


def _findings(findings: "tuple[Finding, ...]") -> None:
    for item in findings:
        print(f"{item.name}: {item.evidence}")
        for advice in item.advice:
            print(f"  - {advice}")
    print()


def _layers(layers: "tuple[Layer, ...]") -> None:
    rows = [
        (
            x.name or "(itself)",
            x.kind,
            *(_number(value) for value in (x.std, x.gradient, x.update)),
            *("" if share is None else units.percent(share) for share in (x.flat, x.dead)),
        )
        for x in layers
    ]
    head = ("layer", "kind", "spread", "gradient", "step", "flat", "dead")
    output.table(head, rows, right=head[2:])


def _number(value: float | None) -> str:
    return "" if value is None else units.number(value)
