"""Diagnose: what a run's curves say, or what a model does in training on data."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import torch
from torch import nn

from cartograd.apps.load.looks import LOOKS, check_looks
from cartograd.apps.load.named import check_curves, is_onnx
from cartograd.apps.load.runs import look
from cartograd.apps.load.source import dataset
from cartograd.apps.load.target import as_signed
from cartograd.apps.results.model_diagnosis import ModelDiagnosis
from cartograd.apps.results.run_diagnosis import RunDiagnosis
from cartograd.apps.verbs.plan import planned
from cartograd.core import registry
from cartograd.core.build import today
from cartograd.core.errors import UsageError
from cartograd.core.memory import available
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset, Examples
from cartograd.engine.device.device import pick
from cartograd.engine.files.program import check_code
from cartograd.engine.logging.run_folder import is_run
from cartograd.engine.loop.fit import Run
from cartograd.training.diagnosis.finding import Finding
from cartograd.training.diagnosis.gradient_noise import gradient_noise
from cartograd.training.diagnosis.largest_batch import largest_batch
from cartograd.training.diagnosis.layer_report import layer_report
from cartograd.training.diagnosis.learning_curve import diverged, learning_curve
from cartograd.training.diagnosis.lr_range import lr_range, rates
from cartograd.training.diagnosis.twin import optimizers_of


@overload
def diagnose(target: Run | str | Path, /) -> RunDiagnosis: ...


@overload
def diagnose(
    target: Run | str | Path | Spec | nn.Module,
    data: str | Path | Spec | Dataset,
    /,
    *,
    looks: Sequence[str] = LOOKS,
    memory: float | None = None,
    steps: int = 100,
    objective: str | Spec | None = None,
    optimizer: str | Spec | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    device: str | None = None,
) -> ModelDiagnosis: ...


def diagnose(
    target: Any, data: str | Path | Spec | Dataset | None = None, /, **options: Any
) -> RunDiagnosis | ModelDiagnosis:
    """Say what is wrong with a training run or a model, and what to try.

    Args:
        target: a run or its folder, for what its curves say; or a model, with `data`.
        data: a spec or a dataset: look at the model (or at that of the run) in training on it.
        **options: see `diagnose_model`; they need `data`.

    Returns:
        What was found; its `draw(path)` writes a page.

    Raises:
        UsageError: as `diagnose_run` and `diagnose_model`, or options where they say nothing.
    """
    run = isinstance(target, Run) or (isinstance(target, str | Path) and is_run(Path(target)))
    if data is not None:
        made = run or is_onnx(target)
        model: Any = as_signed(target) if made else target
        if made:
            check_code(model, "a training step")
        return diagnose_model(model, data, **options)
    if not run:
        check_curves(str(target))
    if any(value is not None and value != () for value in options.values()):
        raise UsageError(f"{target} is a run: its curves need no options; --data looks at it")
    return diagnose_run(target)


def diagnose_run(folder: Run | str | Path, /) -> RunDiagnosis:
    """What the losses of a run say, and what to try.

    Raises:
        UsageError: it is no run, or has no epoch yet.
    """
    run = look(folder)
    if not run.history and run.state != "failed":
        raise UsageError(f"{folder} has no finished epoch yet")
    constant = _chance(run.settings)
    if run.state == "failed":
        return RunDiagnosis(run, (diverged(run.error),), constant)
    return RunDiagnosis(run, learning_curve(run.history, constant), constant)


def diagnose_model(
    model: str | Spec | nn.Module,
    data: str | Path | Spec | Dataset,
    /,
    *,
    looks: Sequence[str] = LOOKS,
    memory: float | None = None,
    steps: int = 100,
    **settings: Any,
) -> ModelDiagnosis:
    """Look at a model in training; the model is left as it is.

    Args:
        model: a spec or a module, trained or not.
        data: a spec or a dataset.
        looks: some of `layers`, `rate`, `noise`, `batch`.
        memory: GiB that a step may take; by default four fifths of what is free.
        steps: of the learning-rate sweep.
        **settings: as `train` has them: `objective`, `optimizer`, `batch_size`, `seed`, `device`.

    Raises:
        UsageError: whatever is wrong with model, data or settings, or an unknown look.
    """
    if callable(settings.get("optimizer")):
        raise UsageError("diagnose takes the spec of an optimizer, such as adamw:lr=1e-3")
    check_looks(looks)
    plan = planned(model, data, **settings)
    objective, module = plan.objective, plan.objective
    if isinstance(module, nn.Module):
        module.to(pick(plan.value("device")))
    seed, spec = plan.value("seed"), str(plan.value("optimizer"))
    # What the user gave is checked here; below, a look that the model does not allow is left out.
    optimizers_of(objective, spec)
    rates(low=1.0, high=2.0, steps=steps)
    if memory is not None and not memory > 0:
        raise UsageError(f"memory={memory:g} leaves no room for a batch; expected GiB above 0")
    batch = next(iter(plan.batches().epoch(0, seed=seed)))
    room = memory if memory is not None else (available() or 2**31) * 0.8 / 2**30
    able: dict[str, Callable[[], Any]] = {
        "layers": lambda: layer_report(objective, batch, optimizers=spec),
        "rate": lambda: lr_range(
            objective, plan.batches(), optimizers=spec, steps=steps, seed=seed
        ),
        "noise": lambda: gradient_noise(objective, plan.batches(), seed=seed),
        "batch": lambda: largest_batch(
            objective, batch, memory=room, most=len(plan.data.train), optimizers=spec, seed=seed
        ),
    }
    found: dict[str, Any] = {}
    left: dict[str, str] = {}
    for word in looks:
        try:
            found[word] = able[word]()
        except UsageError as error:
            if len(looks) == 1:
                raise
            left[word] = str(error)
    words = plan.words()
    made = ModelDiagnosis(
        str(words["model"].value), str(words["data"].value), plan.value("batch_size"), spec,
        left_out=left, **found,
    )  # fmt: skip
    return replace(made, findings=tuple(_findings(made)))


def _findings(made: ModelDiagnosis) -> list[Finding]:
    """The findings of all diagnostics."""
    found = list(made.layers.findings) if made.layers else []
    rate = _rate_of(made.optimizer)
    if made.rate and made.rate.suggestion is None:
        told = f"between {made.rate.rates[0]:g} and {made.rate.rates[-1]:g}, beyond its noise"
        advice = ("is it trained already?", "another model or objective")
        found.append(Finding("no learning rate lowers the loss", told, advice))
    elif made.rate and made.rate.limit and rate:
        if rate > made.rate.limit:
            told = f"at {rate:g}; the loss rises from {made.rate.limit:.1e} on"
            advice = (f"lr={made.rate.suggestion:.1e}",)
            found.append(Finding("learning rate too high", told, advice))
        elif made.rate.suggestion and rate < made.rate.suggestion / 30:
            told = f"at {rate:g}; the loss falls fastest at {made.rate.suggestion:.1e}"
            found.append(Finding("learning rate low", told, (f"lr={made.rate.suggestion:.1e}",)))
    if made.noise and made.batch_size > 4 * made.noise.high:
        told = f"{made.batch_size} examples, and the noise scale is {made.noise.scale:.3g}"
        found.append(
            Finding("batch larger than it helps", told, ("a smaller batch: more steps an epoch",))
        )
    if made.batch and made.batch_size > made.batch.size:
        told = f"{made.batch_size} examples; {made.batch.size} fit"
        found.append(
            Finding("batch does not fit", told, ("accumulate=2 and half the batch", "recompute"))
        )
    return found or [Finding("healthy", "nothing stands out", good=True)]


def _rate_of(optimizer: str) -> float | None:
    value = Spec.parse(optimizer).args.get("lr")
    return float(value) if isinstance(value, int | float) else None


def _chance(settings: dict[str, Any]) -> float | None:
    """The loss of the best constant answer of a run, where objective and data tell it."""
    try:
        spec = Spec.parse(str(settings.get("objective", "")))
        if spec.name not in ("classify", "regress"):
            return None
        if today(registry.find(spec.name)[0], spec.args).keys() - {"label_smoothing"}:
            return None
        return chance(dataset(settings["data"]).train)
    except (UsageError, KeyError):
        return None  # the data is no longer available


def chance(examples: Examples, /) -> float | None:
    """The entropy of the classes in nats, or 1 for values (which are learned standardised)."""
    objective = examples.signature.task.objective
    if objective == "regress":
        return 1.0
    if objective != "classify":
        return None
    share = torch.bincount(examples.targets).double() / len(examples)
    return float(-(share[share > 0] * share[share > 0].log()).sum())
