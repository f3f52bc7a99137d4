"""Say what is wrong with a training run or a model, and what to try; writes a page."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cartograd.apps.answers import units
from cartograd.apps.cli import output
from cartograd.apps.cli.common import Data, File, Many, Seed
from cartograd.apps.cli.following import following, of_state
from cartograd.apps.cli.long_texts import long_texts
from cartograd.apps.cli.names import naming
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec

if TYPE_CHECKING:
    from cartograd.apps.results.model_diagnosis import ModelDiagnosis
    from cartograd.apps.results.run_diagnosis import RunDiagnosis
    from cartograd.training.diagnosis.finding import Finding
    from cartograd.training.diagnosis.layer_report import Layer


def diagnose_(
    target: Annotated[
        str, naming("curves", unless=("data", "looks")), naming("begins", only=("data",))
    ],
    /,
    *,
    data: Data = None,
    looks: Annotated[Many, naming("looks")] = (),
    objective: Annotated[str | None, naming("objective")] = None,
    optimizer: Annotated[str | None, naming("optimizer spec")] = None,
    batch_size: int | None = None,
    steps: int = 100,
    memory: float | None = None,
    seed: Seed = None,
    device: Annotated[str | None, naming("device")] = None,
    lengths: Many = (),
    depths: int | None = None,
    trials: int | None = None,
    window: int | None = None,
    sinks: int | None = None,
    precision: str | None = None,
    out: File = None,
    json: bool = False,
) -> None:
    """Say what is wrong with a training run or a model, and what to try; writes a page.

    Args:
        target: a run folder, for what its curves say; or a model like lenet5, with --data; or a
            language model like smollm2, with --looks needle.
        data: a source, like digits: look at the model (or at that of the run) in training on it.
            Of needle and position a file with a text.
        looks: some of layers, rate, noise, batch; by default all. Or of a language model needle
            (does it find a sentence in a long text, by length and depth?) and position (how well
            does it predict by position?).
        objective: what to learn; by default what is usual for the data.
        optimizer: like adamw:lr=3e-3.
        batch_size: examples in a batch.
        steps: of the learning-rate sweep.
        memory: GiB that a step may take; by default four fifths of what is free.
        seed: of weights, order and dropout.
        device: auto, cpu, cuda or mps.
        lengths: of needle and position, tokens of the texts, like 512,1024; those of 256, 512 and
            1024 that the model reads if left out.
        depths: places in a text that a needle is hidden at; 5 if left out.
        trials: needles at each of them; 4 if left out.
        window: keep only so many of the last tokens, and --sinks of the first, while reading.
        sinks: first tokens that are kept beside a window; 4 if left out.
        precision: of the weights while reading, as of `generate`.
        out: the HTML file to write; by default diagnosis.html in the run's folder, or
            diagnosis-MODEL-DATA.html here.
        json: print one object.
    """
    from cartograd.apps.load.looks import LENGTH_LOOKS, LOOKS
    from cartograd.apps.verbs.diagnose import diagnose

    chosen = [word.strip() for text in looks for word in text.split(",") if word.strip()]
    options: dict[str, Any] = {"objective": objective, "optimizer": optimizer, "memory": memory}
    options |= {"batch_size": batch_size, "seed": seed, "device": device}
    output.check_page(out)
    own = {"depths": depths, "trials": trials, "window": window, "sinks": sinks}
    own |= {"precision": precision, "lengths": _lengths(lengths) or None}
    if set(chosen) & set(LENGTH_LOOKS):
        _only(options | {"steps": None if steps == 100 else steps}, chosen)
        given = {key: value for key, value in own.items() if value is not None}
        long_texts(target, data, chosen, out, json=json, seed=seed or 0, **given)
        return
    _none(own)
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
    output.lines([("report", str(page)), *_training(target, data, found)])


def _training(target: str, data: str, found: "ModelDiagnosis") -> list[tuple[str, str]]:
    """The training that was looked at, at the rate that was found."""
    spec = Spec.parse(found.optimizer)
    rate = found.rate.suggestion if found.rate else None
    args = spec.args if rate is None else {**spec.args, "lr": float(f"{rate:.1e}")}
    told = Spec(spec.name, args, spec.subject)
    return following("train", target, "--data", data, "--optimizer", told)


def _lengths(texts: tuple[str, ...]) -> tuple[int, ...]:
    words = [word.strip() for text in texts for word in text.split(",") if word.strip()]
    for word in words:
        if not word.isdecimal() or not int(word):
            raise UsageError(f"--lengths {word} is no number of tokens; expected one like 512")
    return tuple(map(int, words))


def _only(options: dict[str, Any], looks: list[str]) -> None:
    """Refuse what is of training beside looks at long texts."""
    from cartograd.apps.load.looks import LOOKS

    others = [word for word in looks if word in LOOKS]
    if others:
        raise UsageError(
            f"{others[0]} looks at training, needle and position at long texts; ask for one kind"
        )
    for key, value in options.items():
        if key != "seed" and value is not None:
            raise UsageError(f"--{key.replace('_', '-')} is of looks at training; leave it out")


def _none(own: dict[str, Any]) -> None:
    for key, value in own.items():
        if value is not None:
            raise UsageError(f"--{key} is of looks at long texts; give --looks needle with it")


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
    run = diagnosis.run
    measured = (run.folder / "bundle").is_dir()
    after = of_state(run.folder, run.state, measured=True) if measured else []
    output.lines([("report", str(page)), *after])


def _findings(findings: "tuple[Finding, ...]") -> None:
    for item in findings:
        output.say(f"{item.name}: {item.evidence}")
        for advice in item.advice:
            output.say(f"  - {advice}")
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
