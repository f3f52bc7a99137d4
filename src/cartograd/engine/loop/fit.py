"""Train: any objective, any model, one loop."""

from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Unpack

import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.core.interrupt import end_command
from cartograd.core.notebook import shown
from cartograd.core.protocols import Batches, Metric, Objective
from cartograd.engine.checkpoint import storage
from cartograd.engine.checkpoint.manager import CheckpointManager
from cartograd.engine.checkpoint.retention import retention
from cartograd.engine.device.compiled import compile_in_place
from cartograd.engine.device.device import check_precision, pick
from cartograd.engine.device.visit import coming_back, homes
from cartograd.engine.distributed.null_run_folder import NullRunFolder
from cartograd.engine.distributed.process_group import ProcessGroup, process_group
from cartograd.engine.inputs.stream import as_batches, length
from cartograd.engine.logging import callbacks as listeners
from cartograd.engine.logging import progress as progresses
from cartograd.engine.logging import run_folder, sinks
from cartograd.engine.logging.callbacks import Callbacks
from cartograd.engine.logging.metrics_file import MetricsFile
from cartograd.engine.logging.run_folder import RunFolder
from cartograd.engine.loop import arguments
from cartograd.engine.loop.attributes import Attributes
from cartograd.engine.loop.circumstances import Circumstances
from cartograd.engine.loop.config import BEFORE, FREE, LAID_OUT, OPEN, RunConfig
from cartograd.engine.loop.faulty import inspect_first
from cartograd.engine.loop.monitor import Monitor
from cartograd.engine.loop.option_fields import takes_options
from cartograd.engine.loop.options import FitFields, FitOptions
from cartograd.engine.loop.policy import Policy
from cartograd.engine.loop.profiler import Profiler
from cartograd.engine.loop.recovery import Recovery
from cartograd.engine.loop.rehearsal import rehearse
from cartograd.engine.loop.run_context import blocks, run_context
from cartograd.engine.loop.training_loop import Loop
from cartograd.engine.optim import groups
from cartograd.engine.optim.average import check as check_average
from cartograd.engine.optim.combined import described


@dataclass
class Run:
    """The result of a training run.

    Attributes:
        folder: the run folder, if there was one.
        history: a record per epoch: `step`, `epoch`, `train/loss`, `valid/loss`,
            `valid/<metric>`, `lr`, `seconds`. With several players losses and rates carry their
            names: `train/critic/loss`, `lr/critic`.
        best: the record of the epoch whose weights the model has now; empty where nothing was
            monitored.
        stopped: `"interrupted"` by a signal, `"early"` by patience, `"callback"`, or None.
        model: the trained model: the player called `model`, or the only one.
        steps: steps taken, those before a resume counted in.
        signal: the name of the signal that interrupted it, or None.
        skipped: steps that were left out, as a loss or gradient was not finite or overflowed.
    """

    folder: Path | None
    history: list[dict[str, Any]]
    best: dict[str, Any] = field(default_factory=dict)
    stopped: str | None = None
    model: nn.Module | None = None
    steps: int = 0
    signal: str | None = None
    skipped: int = 0

    def _repr_html_(self) -> str:
        return shown("run", self)


@takes_options(FitOptions)
def fit(
    objective: Objective,
    batches: Batches | Any,
    /,
    *,
    options: FitOptions | None = None,
    validate: Batches | Any | None = None,
    metrics: Mapping[str, Metric] | tuple[()] = (),
    folder: str | Path | None = None,
    resume: bool = False,
    progress: Any = None,
    callbacks: Any = (),
    **fields: Unpack[FitFields],
) -> Run:
    """Train an objective's players on batches.

    For each batch the engine runs `objective.losses(batch)` and, at each loss that it yields, steps
    the named player with the gradient of its parameters only. The generators are seeded at each
    step by (seed, step) and the order of the data by (seed, epoch), so a run that is stopped and
    resumed ends with exactly the weights of one that was not. Ctrl-C and SIGTERM finish the step,
    save and return; a second one ends the process. Within a command of the command line a run
    without a folder ends the command. SIGUSR1 saves and goes on. Modules come back to their device.

    Args:
        objective: what to learn (see `cartograd.core.protocols.Objective`).
        batches: training data: `Batches`, a DataLoader or an iterable of tuples of tensors. A
            DataLoader's dataset may use the generators of torch, numpy or `random`, in any number
            of workers: all are seeded before each batch by (seed, epoch, number of the batch).
        options: how to train; what is given by name besides wins.
        validate: data for the validation at the end of each epoch. The weights of the best epoch
            are put back at the end.
        metrics: by name, what to compute from all validation outputs and targets.
        folder: where to keep options, metrics, events and checkpoints.
        resume: go on from the newest good checkpoint in `folder`.
        progress: `True` shows a bar (or a line per epoch), or a callback of the lead process
            that shows it otherwise.
        callbacks: objects with some of the methods `on_start`, `on_step`, `on_report`,
            `on_validate`, `on_epoch`, `on_save`, `on_end` and `on_close` (see
            `cartograd.engine.logging.callbacks.MOMENTS`), each of which takes a
            `cartograd.engine.logging.view.View`. With several processes they are called in each.
        **fields: the fields of `cartograd.engine.loop.options.FitOptions`.

    Raises:
        UsageError: an argument is wrong (nothing was written then), the loss became infinite or
            not a number, or a file cannot be written.
    """
    chosen = FitOptions.of(options, fields)
    begun = _begun(Path(folder)) if resume and folder is not None else None
    if begun is not None and options is None and "decay" not in fields:
        chosen = replace(chosen, decay=begun.get("decay", BEFORE))
    place, names = pick(chosen.device), arguments.player_names(objective)
    policy = Policy.parse(chosen.nonfinite, folder=folder is not None)
    processes = process_group(chosen.parallel, place)
    place = processes.device(place)
    source, valid = as_batches(batches), None if validate is None else as_batches(validate)
    watching = {"patience": chosen.patience or None, "min_delta": chosen.min_delta}
    monitored = arguments.monitored(chosen.monitor, validates=validate is not None, **watching)
    config = _config(chosen, names, length(source), place, monitored, begun)
    arguments.check_together(config, folder=folder, resume=resume, profile=chosen.profile)
    called = _callbacks(callbacks, progress, chosen, folder, processes)
    processes.check(source, chosen.seed, autotune=chosen.autotune, nonfinite=policy.kind)
    before = homes([objective, *objective.players.values()])
    trained = processes.prepare(objective, place)
    loop = Loop(
        objective=trained, batches=source,
        players=arguments.players(
            trained, place, config, chosen, monitored,
            validates=validate is not None, processes=processes,
        ),
        device=place, config=config, recovery=Recovery(policy), validate=valid,
        metrics=dict(metrics), model=arguments.model_of(trained, metrics), monitor=monitored,
        processes=processes, callbacks=called, folder=None if folder is None else Path(folder),
    )  # fmt: skip
    kept = retention(chosen.keep, judged=bool(monitored.name))
    with coming_back(before), ExitStack() as stack:
        stack.enter_context(processes)
        given = {"recompute": blocks(chosen.recompute), "deterministic": chosen.deterministic}
        stack.enter_context(run_context(trained, **given))
        whole = objective if processes.sharded else trained
        inspect_first(loop)
        loop.operations = rehearse(loop, whole, arguments.model_of(whole, metrics))
        if folder is not None:
            loop.run_state.circumstances = Circumstances(loop, objective, tuple(metrics))
            loop.run_state.attributes = Attributes(objective, objective.players)
            opened = _opened(Path(folder), config, resume, processes)
            manager = CheckpointManager(
                opened, save_every=chosen.save_every, keep=kept, exact=chosen.exact,
                processes=processes,
            )  # fmt: skip
            stack.enter_context(closing(manager))
            loop.manager = manager
            if resume:
                loop.resume()
                loop.run_state.go_on(monitored)
            if chosen.profile is not None and processes.lead:
                trace = manager.folder.path / "trace.json"
                loop.timer.profiler = Profiler(chosen.profile, trace, place)
        if chosen.compile:
            stack.callback(compile_in_place([player.module for player in loop.players.values()]))
        stack.enter_context(loop.announcer.attached())
        _tell_begin(loop, chosen, resume=resume)
        _tell_groups(loop)
        loop.run()
        processes.finish(trained, objective)
    return _done(loop, objective, folder)


def _config(
    options: FitOptions,
    names: list[str],
    batches: int | None,
    place: torch.device,
    monitored: Monitor,
    begun: Mapping[str, Any] | None = None,
) -> RunConfig:
    """What the run's result depends on, checked."""
    optimizers = arguments.specs(options.optimizer, names, "optimizer")
    recomputed = blocks(options.recompute)
    return RunConfig(
        seed=options.seed,
        accumulate=options.accumulate,
        batches=batches,
        epochs=options.epochs,
        clip=arguments.clip_word(arguments.clipping(options.clip)),
        log_every=options.log_every,
        average=check_average(options.average),
        precision=check_precision(options.precision, place),
        optimizer=optimizers,
        schedule=arguments.specs(options.schedule, names, "schedule"),
        decay=options.decay,
        layer_decay=options.layer_decay,
        groups=groups.text_of(groups.parsed(options.groups)),
        muon=arguments.muon_takes(optimizers.values(), begun),
        layout=OPEN if options.autotune or options.precision in LAID_OUT else None,
        threads=OPEN if options.autotune else None,
        monitor=str(monitored),
        patience=options.patience or None,
        min_delta=options.min_delta,
        nonfinite=str(options.nonfinite),
        recompute=recomputed if isinstance(recomputed, bool) else list(recomputed),
        compile=options.compile,
        deterministic=options.deterministic,
    )


def _callbacks(
    users: Any, progress: Any, options: FitOptions, folder: Any, processes: ProcessGroup
) -> Callbacks:
    """All who are called, checked; the lead alone writes, sends and shows."""
    shown, sent = progresses.chosen(progress), sinks.checked(options.sinks, folder)
    written = [] if folder is None else [MetricsFile()]
    if not processes.lead:
        return Callbacks(users=listeners.checked(users))
    return Callbacks(own=[*written, *shown], sinks=sent, users=listeners.checked(users))


def _begun(path: Path) -> dict[str, Any] | None:
    """What a run that goes on was made with; None if it holds nothing yet."""
    begun = storage.peek(path / "checkpoints", "plan")
    if begun is None and (path / "config.toml").exists():
        begun = {"muon": "hidden"} | run_folder.read_config(path)[0]
    return begun


def _tell_begin(loop: Loop, options: FitOptions, *, resume: bool) -> None:
    """Record what the run begins with, or goes on with otherwise, in its events and options."""
    manager, circumstances = loop.manager, loop.run_state.circumstances
    if manager is None or circumstances is None:
        return
    told = circumstances.events()
    if resume and loop.processes.lead:
        path, plain = manager.folder.path, FitOptions()
        have = run_folder.read_config(path)[0]
        given = {name: getattr(options, name) for name in ("epochs", *FREE)}
        told["changed"] = run_folder.update_config(
            path, {k: x for k, x in given.items() if k in have or x != getattr(plain, k)}
        )
    told["flops"] = loop.operations.step
    loop.event("resumed" if resume else "started", step=loop.state.step, **told)


def _tell_groups(loop: Loop) -> None:
    """Record the parameter groups in the run's events, where there are several."""
    for name, player in loop.players.items():
        if len(player.optimizer.param_groups) > 1:
            loop.event("groups", player=name, groups=described(player.optimizer, player.module))


def _done(loop: Loop, objective: Any, folder: str | Path | None) -> Run:
    state = loop.state
    path = None if folder is None else Path(folder)
    stop = loop.stop.asked if state.stopped == "interrupted" else None
    if stop is not None and path is None:
        end_command(stop)
    model = arguments.model_of(objective, ())
    return Run(
        path, state.history, state.best, state.stopped, model, state.step, stop, state.skipped
    )


def _opened(path: Path, config: RunConfig, resume: bool, processes: ProcessGroup) -> Any:
    """Open the run folder; the options go into its configuration unless the caller wrote one."""

    def begun() -> RunFolder:
        if resume and not run_folder.is_run(path):
            raise UsageError(f"{path} holds no run to resume")
        folder = RunFolder(path, resume=resume)
        file = path / "config.toml"
        if file.exists() and not storage.steps(folder.checkpoints):  # of ours, it begins anew
            ours = set(run_folder.read_config(file)[1].values()) == {"fit"}
            file.unlink() if ours else None
        if not file.exists():
            values = config.state_dict()
            run_folder.write_config(path, values, dict.fromkeys(values, "fit"))
        return folder

    folder = processes.lead_does(begun)
    return folder if processes.lead else NullRunFolder(path)
