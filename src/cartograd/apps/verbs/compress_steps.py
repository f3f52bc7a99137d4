"""Compress in steps: prune, learn from the original, quantise; and what each step has cost."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cartograd.apps.load.as_learned import as_learned
from cartograd.apps.load.parts import part_of, trained_on
from cartograd.apps.load.source import Data, examples_for
from cartograd.apps.load.target import Target, as_bundle
from cartograd.apps.report.slimmed_page import slimmed_page
from cartograd.apps.results.slimmed import Slimmed, Stage
from cartograd.apps.verbs.compress import compress, compress_to, weight
from cartograd.apps.verbs.compression_steps import Step, learning_again, steps_of
from cartograd.apps.verbs.evaluate import figures, measures_of, usual
from cartograd.apps.verbs.latency_in_turns import latency_in_turns
from cartograd.apps.verbs.train import train
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import inferring
from cartograd.core.files import write_file
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Examples
from cartograd.engine.device.held import peak
from cartograd.engine.files.bundle import Bundle, load
from cartograd.engine.files.program import check_code
from cartograd.engine.logging.run_folder import is_run
from cartograd.practice.compression.quicker import told
from cartograd.practice.metrics.proportion import exact

NOTE = "steps.json"
TOGETHER = 64
"""Examples that are asked at once to see how much memory that takes."""


def compress_steps(
    target: Target,
    steps: str | Spec | Sequence[str | Spec],
    data: Data | None = None,
    /,
    *,
    folder: str | Path,
    part: str | None = None,
    resume: bool = False,
    progress: Any = None,
) -> Slimmed:
    """Compress a model step by step, and measure it after each.

    Steps are compressors (`prune-channels:amount=0.5`, `int8-weights`), and the trainings
    `distill:epochs=2` (from the original, as the teacher) and `fine-tune:epochs=1`, with any
    setting of `train`. `quantize-aware:bits=4,epochs=2` is both.

    Args:
        target: a run, a bundle, or the path of one.
        steps: specs, in order.
        data: what it was trained on, to learn from and to be measured; known of a run.
        folder: to make: `bundle` is what came of it, `steps` holds each step's.
        part: on which all are measured; the one that was held back.
        resume: go on in the folder, whose steps that are done are kept.
        progress: True shows how trainings go on standard error.

    Raises:
        UsageError: a step is unknown or comes too late, a setting is wrong, the data do not fit or
            are not known, or the folder exists; nothing is written then.
    """
    original = as_bundle(target)
    check_code(original.model, "its weights")
    chosen = learning_again(steps_of(steps, original.model), original)
    data = original.about.get("data") if data is None else data
    if data is None:
        raise UsageError(
            f"{original.path} does not say what it was trained on; give data (--data), to measure "
            "it on"
        )
    _check_new(Path(folder), resume)
    examples, part = _examples(original, data, part)
    metric = usual(original.model)[0]
    measures_of(original.model, {metric: metric})
    home = _opened(Path(folder), original, chosen)
    bundles = [original]
    for number, step in enumerate(chosen, start=1):
        place = home / "steps" / f"{number}-{step.spec.name}"
        try:
            bundles.append(_done(bundles[-1], step, data, place, original, progress))
        except UsageError:
            if not any(file.is_file() for file in (home / "steps").rglob("*")):
                shutil.rmtree(home)  # the first step was refused: nothing is left
            raise
    if (home / "bundle").exists():
        shutil.rmtree(home / "bundle")
    shutil.copytree(bundles[-1].path, home / "bundle")
    names = ["original", *(str(step.spec) for step in chosen)]
    stages = measured(bundles, names, examples, metric)
    computes = told([bundles[-1].model])
    found = Slimmed(home, metric, len(examples), part, stages, computes)
    write_file(home / "report.json", json.dumps(found.to_json(), indent=1) + "\n")
    slimmed_page(found.page, found)
    return found


def _examples(original: Bundle, data: Data, part: str | None) -> tuple[Examples, str]:
    read, _ = as_learned(data, trained_on(original))
    part, _ = part_of(part, read, trained_on(original))
    model = original.model
    return examples_for(model.signature, read, part, tokenizer=model.tokenizer), part


def _check_new(home: Path, resume: bool) -> None:
    """Refuse a folder that is there, or one to be resumed that is not."""
    if resume and not home.exists():
        raise UsageError(f"{home} does not exist; there is nothing to resume")
    if home.exists() and not resume:
        raise UsageError(f"{home} exists already; choose another folder, or resume it (--resume)")


def _opened(home: Path, original: Bundle, steps: tuple[Step, ...]) -> Path:
    """The folder, with a note of what is done in it.

    Raises:
        UsageError: it was begun with other steps.
    """
    note = {"of": original.digest, "steps": [str(step.spec) for step in steps]}
    if not home.exists():
        write_file(home / NOTE, json.dumps(note) + "\n")
        return home
    try:
        before = json.loads((home / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{home} was not begun by steps of a compression") from error
    if before != note:
        raise UsageError(
            f"{home} was begun with other steps or another model; resume it with "
            f"--steps {' '.join(before['steps'])}, or choose another folder"
        )
    return home


def _done(
    before: Bundle, step: Step, data: Data, place: Path, original: Bundle, progress: Any
) -> Bundle:
    """The bundle after a step; one that is there already is kept."""
    if (place / "bundle").exists() or (place / "manifest.json").exists():
        return load(place)
    if step.rounds:
        return _taught(before, step, data, place, progress)
    if not step.trains:
        compress_to(before, place, data, method=step.spec)
        return load(place)
    settings = {"resume": True} if is_run(place) else step.settings(str(original.path))
    train(str(before.path), data, folder=place, progress=progress, **settings)  # pyright: ignore[reportArgumentType]
    return load(place)


def _taught(before: Bundle, step: Step, data: Data, place: Path, progress: Any) -> Bundle:
    """The bundle after a training of rounded layers: whole numbers on the grids that it found."""
    begun = compress(before, data, method=step.method)
    run = place.with_name(f"{place.name}-training")
    settings = {"resume": True} if is_run(run) else step.settings(str(before.path))
    train(begun, data, folder=run, progress=progress, **settings)  # pyright: ignore[reportArgumentType]
    bits = begun.spec.args["bits"] if begun.spec is not None else 8
    compress_to(run, place, method=Spec("quantize-static", {"bits": bits}))
    return load(place)


def measured(
    bundles: Sequence[Bundle], names: Sequence[str], examples: Examples, metric: str, /
) -> tuple[Stage, ...]:
    """The original and what came of each step, on the same examples, timed in turns."""
    models = [bundle.model for bundle in bundles]
    measures = measures_of(models[0], {metric: metric})[0]
    batches = examples.select(range(min(TOGETHER, len(examples)))).batches(
        batch_size=TOGETHER, shuffle=False
    )
    *together, _ = next(iter(batches.epoch(0, seed=0)))
    times = latency_in_turns(models, tuple(one[:1] for one in together))
    stages, first = list[Stage](), None
    for bundle, name, spent in zip(bundles, names, times, strict=True):
        outputs, _, values, ends, _ = figures(bundle.model, examples, measures)
        first = outputs if first is None else first
        stages.append(
            Stage(
                name, values[metric], ends[metric], *_counted(bundle.model), weight(bundle.model),
                spent.seconds, spent.ratio, _held(bundle.model, together),
                _agreement(bundle.model, first, outputs), bundle.path, spent.half,
            )
        )  # fmt: skip
    return tuple(stages)


def _counted(model: nn.Module) -> tuple[int, float]:
    """How many numbers the weights are, and which share of those in floats is zero."""
    state = model.state_dict()
    matrices = [one for one in state.values() if one.is_floating_point() and one.ndim > 1]
    zeros, count = (sum(n) for n in zip(*((int((m == 0).sum()), m.numel()) for m in matrices),
                                        strict=True)) if matrices else (0, 1)  # fmt: skip
    return sum(one.numel() for one in state.values()), zeros / count


def _held(model: Signed, inputs: Sequence[Tensor]) -> int | None:
    with inferring(model):
        return peak(lambda: model(*inputs))


def _agreement(model: Signed, first: Tensor, outputs: Tensor) -> tuple[float, float, float] | None:
    """How often the same class is chosen as by the original."""
    if model.signature.target != "class" or model.signature.task.each:
        return None
    same = int((_classes(first) == _classes(outputs)).sum())
    return (same / len(outputs), *exact(same, len(outputs)))


def _classes(outputs: Tensor) -> Tensor:
    return outputs.argmax(1) if outputs.ndim > 1 and outputs.shape[1] > 1 else torch.sign(outputs)
