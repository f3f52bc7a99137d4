"""Train: from a model and data to a run folder with a bundle that every other verb reads."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Unpack

from torch import nn

from cartograd.apps.load.options import CHOSEN, DataOptions, TrainFields
from cartograd.apps.load.target import name_of
from cartograd.apps.results.evaluation import Evaluation
from cartograd.apps.verbs.evaluate import evaluate
from cartograd.apps.verbs.plan import Plan, planned
from cartograd.apps.verbs.speed import note_speed
from cartograd.core.errors import UsageError
from cartograd.core.files import FolderLock
from cartograd.core.spec import Spec
from cartograd.data.dataset.augment import specs
from cartograd.data.dataset.dataset import Dataset
from cartograd.engine.checkpoint.storage import steps
from cartograd.engine.device.device import pick
from cartograd.engine.distributed.process_group import process_group
from cartograd.engine.files.bundle import statistics, write_bundle
from cartograd.engine.logging.run_folder import (
    is_run,
    new_run,
    read_config,
    update_config,
    write_config,
)
from cartograd.engine.loop.fit import Run, fit
from cartograd.engine.loop.option_fields import takes_options
from cartograd.engine.loop.options import FitOptions

REFERENCE = 4096
"""Training examples whose statistics are kept with the model, to notice drift."""

GOLDEN = 64
"""Test examples of which the bundle keeps the first with the model's answers."""


@takes_options(DataOptions, FitOptions, without=("model", "data"), chosen=CHOSEN)
def train(
    model: str | Path | Spec | nn.Module | None = None,
    data: str | Spec | Dataset | None = None,
    /,
    *,
    folder: str | Path | None = None,
    resume: bool = False,
    config: str | Path | None = None,
    progress: Any = None,
    callbacks: Any = (),
    **fields: Unpack[TrainFields],
) -> Run:
    """Train a model on data, and write a run folder.

    Args:
        model: a spec (`"resnet:depth=18"`) or a module, which gets the data's signature; to
            resume, the run folder will do.
        data: a spec (`"digits"`) or a dataset.
        folder: the run folder to make; by default the next free `runs/MODEL-DATA-N`.
        resume: go on with the run in `folder`, whose settings hold unless told otherwise.
        config: a TOML file of settings, or a run folder; what is said here wins.
        progress: True shows how it goes on standard error.
        callbacks: objects that look at the run while it lasts (see `fit`).
            What is left out (or None) below is chosen for the model and the data.
        **fields: the fields of `cartograd.engine.loop.options.FitOptions`.

    Returns:
        The run. Its folder holds the configuration with the origin of each value, metrics,
        events, checkpoints, and (unless it was interrupted) the bundle with the test metrics
        and the report.

    Raises:
        UsageError: something is wrong with what was given (nothing is written then), the loss
            became infinite, or the folder cannot be written.
    """
    if resume:
        model, folder, config = resumed(model, folder, config)
    return run(
        planned(str(model) if isinstance(model, Path) else model, data, config=config, **fields),
        folder=folder,
        resume=resume,
        progress=progress,
        callbacks=callbacks,
    )


def resumed(
    model: Any, folder: str | Path | None, config: str | Path | None, /
) -> tuple[Any, Path, str | Path]:
    """Model, folder and settings of a run to go on with; its folder may stand for the model.

    Raises:
        UsageError: there is no such run.
    """
    if folder is None and isinstance(model, str | Path):
        model, folder = None, model
    if folder is None or not is_run(Path(folder)):
        raise UsageError(f"{folder or 'this'} is no run to resume; give the folder of one")
    return model, Path(folder), config or folder


def run(
    plan: Plan,
    /,
    *,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: Any = None,
    callbacks: Any = (),
) -> Run:
    """Run a plan; see `train`."""
    if resume and folder is not None:
        _check_same(plan, Path(folder))
    processes = process_group(plan.value("parallel"), pick(plan.value("device")))
    if progress and processes.lead:
        sys.stderr.writelines(f"{plan.data.name}: {line}\n" for line in plan.data.decided)
    with ExitStack() as stack:
        opened = _opened(plan, folder, resume)
        path = processes.lead_does(lambda: stack.enter_context(opened))
        done = fit(
            plan.objective,
            plan.batches(),
            folder=path,
            resume=resume,
            progress=progress,
            callbacks=callbacks,
            options=plan.options,
            **plan.validation(),
        )
        if resume:  # of the same contents, perhaps from another place
            named = {key: plan.words()[key].value for key in ("model", "data")}
            processes.lead_does(lambda: update_config(path, named))
        if done.stopped != "interrupted":
            evaluation = evaluate(plan.model, plan.data.test, device=plan.value("device"))
            processes.lead_does(lambda: _write_bundle(plan, done, path, evaluation))
    return done


SAME = ("objective", "batch_size", "augment", "freeze")
"""Settings besides those of `fit` that a run goes on with; model and data are compared by `fit`."""


def _check_same(plan: Plan, folder: Path) -> None:
    """Refuse to go on with other settings than the run was begun with."""
    before = read_config(folder)[0]
    for key in SAME:
        if key == "augment" or key in before:
            names = [_named(value) for value in (before.get(key), plan.value(key))]
            if names[0] != names[1]:
                raise UsageError(
                    f"{folder} was begun with {key}={names[0]} and this run has {key}={names[1]}; "
                    "resume it with the same, or begin another"
                )


def _named(value: Any) -> str:
    """A setting in one way of writing: lists with commas, methods as their specs."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    if isinstance(value, str | Spec) and ":" in str(value):
        return ",".join(map(str, specs(str(value))))
    return str(value).replace(" ", "")


@contextmanager
def _opened(plan: Plan, folder: str | Path | None, resume: bool) -> Iterator[Path]:
    """The run folder; removed if the block fails before the first checkpoint."""
    words = plan.words()
    values = {key: item.value for key, item in words.items()}
    if resume:
        assert folder is not None
        path = Path(folder)
        if not steps(path / "checkpoints"):  # nothing was kept, so it begins as is said now
            update_config(path, values)
        yield path
        return
    given = Path("runs") if folder is None else Path(folder)
    new = [path for path in (given, *given.parents) if not path.exists()]
    if folder is None:
        path = new_run(given, f"{name_of(plan.model).lower()}-{plan.data.name}")
    elif given.exists() and (not given.is_dir() or any(given.iterdir())):
        raise UsageError(f"{given} exists already; choose another folder, or resume its run")
    else:
        path = given
        path.mkdir(parents=True, exist_ok=True)
    try:
        write_config(path, values, {key: item.origin for key, item in words.items()})
        yield path
    except BaseException:
        # Another process may have begun a run in this folder by now.
        with suppress(UsageError, OSError), closing(FolderLock(path)):
            if not any((path / "checkpoints").glob("step-*")):
                shutil.rmtree(path, ignore_errors=True)
                for above in new:
                    if above.is_dir() and not any(above.iterdir()):
                        above.rmdir()
        raise


def _write_bundle(plan: Plan, done: Run, path: Path, evaluation: Evaluation) -> None:
    """Write the bundle with the test metrics, and the report."""
    test, train_part = plan.data.test, plan.data.train
    metrics = {
        name: {
            "value": value,
            "low": evaluation.intervals[name][0],
            "high": evaluation.intervals[name][1],
        }
        | evaluation.averages.get(name, {})
        for name, value in evaluation.metrics.items()
    }
    sample = train_part.select(range(min(REFERENCE, len(train_part)))).inputs
    words = {key: item.value for key, item in plan.words().items() if item.value is not None}
    write_bundle(
        path / "bundle",
        plan.model,
        metrics=metrics,
        examples=test.select(range(min(GOLDEN, len(test)))).arguments,
        about={
            "data": words["data"],
            "source": plan.data.about,
            "settings": words,
            "steps": done.steps,
            "epoch": done.best.get("epoch"),
            "train examples": len(train_part),
            "test examples": evaluation.examples,
            "baseline": evaluation.baseline,
        },
        reference=statistics(sample),
        replace=True,
    )
    note_speed(plan, path)
    # Imported late: matplotlib is slow to import, and runs that fail do not need it.
    from cartograd.apps.report.origin import origin_of
    from cartograd.apps.report.run import report

    report(path / "report.html", plan.model, test, evaluation, origin=origin_of(path))
