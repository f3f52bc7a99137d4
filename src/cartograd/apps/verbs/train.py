"""Train: from a model and data to a run folder with a bundle that every other verb reads."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from torch import nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from cartograd.apps.check.kept import keep_card
from cartograd.apps.load.framed import with_target
from cartograd.apps.load.named import resumed
from cartograd.apps.load.options import CHOSEN, DataOptions, TrainFields
from cartograd.apps.load.runs import look
from cartograd.apps.load.target import name_of
from cartograd.apps.verbs.disk import check_disk
from cartograd.apps.verbs.drawn_examples import keep
from cartograd.apps.verbs.federated import check_processes
from cartograd.apps.verbs.finish import finish
from cartograd.apps.verbs.growing_samples import GrowingSamples
from cartograd.apps.verbs.plan import Plan, planned
from cartograd.apps.verbs.rehearse import rehearse_end
from cartograd.core.errors import UsageError
from cartograd.core.locks import FolderLock
from cartograd.core.spec import Spec
from cartograd.data.dataset.augment import specs
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.decode.frames import Frame
from cartograd.engine.checkpoint.storage import steps
from cartograd.engine.device.device import pick
from cartograd.engine.distributed.process_group import ProcessGroup, process_group
from cartograd.engine.logging.callbacks import spared
from cartograd.engine.logging.metric_logger import NonFiniteError
from cartograd.engine.logging.progress import Opening, shown
from cartograd.engine.logging.run_folder import (
    is_run,
    made,
    new_run,
    read_config,
    update_config,
    write_config,
)
from cartograd.engine.loop.fit import Run, fit
from cartograd.engine.loop.option_fields import takes_options
from cartograd.engine.loop.options import FitOptions
from cartograd.training.adapters.beside import merged


@takes_options(DataOptions, FitOptions, without=("model", "data"), chosen=CHOSEN)
def train(
    model: str | Path | Spec | nn.Module | None = None,
    data: str
    | Path
    | Spec
    | Dataset
    | DataLoader[Any]
    | TorchDataset[Any]
    | dict[str, Any]
    | Frame
    | None = None,
    /,
    *,
    target: str | Sequence[str] | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    config: str | Path | None = None,
    progress: Any = None,
    callbacks: Any = (),
    **fields: Unpack[TrainFields],
) -> Run:
    """Train a model on data, and write a run folder.

    Args:
        model: a spec (`"resnet:depth=18"`) or a module, which gets the data's signature; left
            out, one is chosen that fits the data; to resume, the run folder will do.
        data: a spec (`"digits"`), a dataset, or a DataLoader or Dataset of torch (or a mapping of
            these by `train`, `valid` and `test`); a table in memory, as a DataFrame or a Dataset of
            Hugging Face.
        target: the column of a table that is to be predicted, or columns of 0 and 1.
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
    data = with_target(data, target)
    return run(
        planned(str(model) if isinstance(model, Path) else model, data, config=config, **fields),
        folder=folder,
        resume=resume,
        progress=progress,
        callbacks=callbacks,
    )


def run(
    plan: Plan,
    /,
    *,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: Any = None,
    callbacks: Any = (),
    report: bool = True,
) -> Run:
    """Run a plan; see `train`. Without `report` neither page nor the card of the data is made."""
    if resume and folder is not None:
        _check_same(plan, Path(folder))
    processes = process_group(plan.value("parallel"), pick(plan.value("device")))
    if processes.sharded and plan.value("adapter") is not None:
        raise UsageError(
            f"adapter={plan.value('adapter')} cannot be merged where weights are spread over "
            "processes; leave parallel= out"
        )
    if plan.federation is not None:
        check_processes(plan.federation, plan.value("parallel"), processes)
    elif processes.size > 1 and plan.private is not None:
        raise UsageError(
            f"privacy={plan.value('privacy')} is for one process: each of {processes.size} would "
            "draw batches and noise of its own, which no account covers; leave --nproc out"
        )
    with ExitStack() as stack:
        opened = _opened(plan, folder, resume)
        path = processes.lead_does(lambda: stack.enter_context(opened))
        processes.lead_does(lambda: check_disk(plan, path))
        processes.lead_does(lambda: keep(plan.drawn, path))
        rehearse_end(plan, processes)
        checks = report and not resume
        noted = processes.lead_does(lambda: _checked(plan, path)) if checks else []
        before = _steps(path) if resume else 0
        done = fit(
            plan.objective,
            plan.batches(),
            folder=path,
            resume=resume,
            progress=[
                *([Opening([*plan.told, *noted]), progress] if progress else []),
                *_grids(plan, path, processes),
            ],
            callbacks=callbacks,
            options=plan.options,
            **plan.validation(),
        )
        if before == done.steps and progress and processes.lead:
            shown(f"{_nothing_left(path, done)}\n")
        if resume:  # of the same contents, perhaps from another place
            named = {key: plan.words()[key].value for key in ("model", "data")}
            processes.lead_does(lambda: update_config(path, named))
        if done.stopped != "interrupted":
            finish(plan, done, path, processes, report=report)
            if done.model is not None:
                done = replace(done, model=merged(done.model))
    return done


def _checked(plan: Plan, path: Path) -> list[str]:
    """The data card of the run, and what of it is said before the training."""
    return keep_card(plan.data, plan.words()["data"].value, path)


def _grids(plan: Plan, path: Path, processes: ProcessGroup) -> list[Any]:
    """What draws pictures while the model learns; no reason to lose the run."""
    count = plan.value("samples")
    if not count:
        return []
    if processes.sharded:  # the lead cannot draw alone
        return [Opening(["draws none after all: the weights are spread over several processes"])]
    growing = GrowingSamples(path, count=count, seed=plan.value("seed"))
    return [spared("the grid of samples", growing)]


def _steps(folder: Path) -> int:
    """The steps of a run that came to its end; 0 of any other."""
    run = look(folder)
    ended = run.state in ("finished", "early", "callback")
    return int(run.history[-1]["step"]) if ended and run.history else 0


def _nothing_left(folder: Path, done: Run) -> str:
    """A line on a finished run that was told to go on, and had no step left to take."""
    ended = f"{folder} had ended already, after {len(done.history)} epochs; "
    if done.stopped == "early":
        return f"{ended}it stopped early: --resume --set patience=N with a larger N goes on"
    return f"{ended}--resume --epochs N with a larger N goes on"


MAYBE = (
    "augment",
    "drawn",
    "canaries",
    "poison",
    "filter",
    "sampler",
    "loss",
    "adapter",
    "privacy",
    "federated",
)
"""Those that a run may have been begun without."""

SAME = ("objective", "batch_size", "freeze", *MAYBE)
"""Settings besides those of `fit` that a run goes on with; model and data are compared by `fit`."""


def _check_same(plan: Plan, folder: Path) -> None:
    """Refuse to go on with other settings than the run was begun with."""
    before = read_config(folder)[0]
    words = plan.words()
    for key in SAME:
        if key in MAYBE or key in before:
            now = words[key].value if key in words else None
            names = [named(value) for value in (before.get(key), now)]
            if names[0] != names[1]:
                raise UsageError(
                    f"{folder} was begun with {key}={names[0]} and this run has {key}={names[1]}; "
                    "resume it with the same, or begin another"
                )


def named(value: Any, /) -> str:
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
        other = ", or resume its run" if given.is_dir() and is_run(given) else ""
        raise UsageError(f"{given} exists already; choose another folder{other}")
    else:
        path = made(given)
    try:
        write_config(path, values, {key: item.origin for key, item in words.items()})
        yield path
    except NonFiniteError:
        raise  # what `diagnose` reads stays
    except BaseException:
        # Another process may have begun a run in this folder by now.
        with suppress(UsageError, OSError), closing(FolderLock(path, marked=True)):
            if not any((path / "checkpoints").glob("step-*")):
                shutil.rmtree(path, ignore_errors=True)
                for above in new:
                    if above.is_dir() and not any(above.iterdir()):
                        above.rmdir()
        raise
