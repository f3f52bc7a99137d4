"""Train: any objective, any model, one loop."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from cartograd.core.errors import UsageError
from cartograd.core.notebook import shown
from cartograd.core.protocols import Batches, Metric, Objective
from cartograd.core.spec import Spec
from cartograd.engine import arguments, runs
from cartograd.engine.average import check as check_average
from cartograd.engine.choices import OPEN
from cartograd.engine.compiled import compile_in_place
from cartograd.engine.device import check_precision, pick
from cartograd.engine.distributed.follow import Unwritten
from cartograd.engine.distributed.team import Crew, team
from cartograd.engine.keeper import Keeper
from cartograd.engine.loop import Loop
from cartograd.engine.monitor import Monitor
from cartograd.engine.nonfinite import Policy
from cartograd.engine.probe import check_monitor
from cartograd.engine.progress import Progress, chosen
from cartograd.engine.recovery import Recovery
from cartograd.engine.retention import NEWEST, Keep
from cartograd.engine.runs import RunFolder
from cartograd.engine.sinks import Sink, checked, opened
from cartograd.engine.stream import as_batches, length
from cartograd.engine.surroundings import blocks, surroundings
from cartograd.engine.tracer import Tracer


@dataclass
class Run:
    """What came of a training run.

    Attributes:
        folder: the run folder, if there was one.
        history: a record per epoch: `step`, `epoch`, `train/loss`, `valid/loss`,
            `valid/<metric>`, `lr`, `seconds`. With several players losses and rates carry their
            names: `train/critic/loss`, `lr/critic`.
        best: the record of the epoch whose weights the model has now; empty where nothing was
            monitored.
        stopped: `"interrupted"` by a signal, `"early"` by patience, or None.
        model: the trained model: the player called `model`, or the only one.
        steps: steps taken, those before a resume counted in.
        signal: the name of the signal that interrupted it, or None.
    """

    folder: Path | None
    history: list[dict[str, Any]]
    best: dict[str, Any] = field(default_factory=dict)
    stopped: str | None = None
    model: nn.Module | None = None
    steps: int = 0
    signal: str | None = None

    def _repr_html_(self) -> str:
        return shown("run", self)


def fit(
    objective: Objective,
    batches: Batches | Any,
    /,
    *,
    optimizers: str | Spec | dict[str, str | Spec] = "adamw:lr=1e-3",
    schedules: str | Spec | dict[str, str | Spec] | None = None,
    epochs: int = 10,
    validate: Batches | Any | None = None,
    metrics: Mapping[str, Metric] | tuple[()] = (),
    monitor: str | None = None,
    patience: int | None = None,
    min_delta: float = 0.0,
    clip: float | str | Spec | None = None,
    accumulate: int = 1,
    average: str | Spec | None = None,
    recompute: bool | str | list[str] | tuple[str, ...] = False,
    nonfinite: str | Spec = "stop",
    precision: str = "auto",
    device: str = "auto",
    seed: int = 0,
    folder: str | Path | None = None,
    resume: bool = False,
    save_every: int | None = None,
    log_every: int | None = None,
    keep: str | None = None,
    exact: bool = True,
    compile: bool = False,
    autotune: bool = False,
    deterministic: bool = False,
    sinks: str | Sequence[str | Sink] = (),
    profile: int | None = None,
    parallel: str = "ddp",
    progress: Progress | bool | None = None,
) -> Run:
    """Train an objective's players on batches.

    For each batch the engine runs `objective.losses(batch)` and, at each loss that it yields, steps
    the named player with the gradient of its parameters alone. Random numbers are set anew at each
    step from (seed, step) and the order of the data from (seed, epoch), so a run that is stopped
    and resumed ends with the very weights of one that was not. Ctrl-C and SIGTERM finish the step,
    save and return; a second one ends the process. SIGUSR1 saves and goes on.

    Args:
        objective: what to learn (see `cartograd.core.protocols.Objective`).
        batches: training data: `Batches`, a DataLoader or an iterable of tuples of tensors. A
            DataLoader's dataset may draw from torch, numpy or `random`, in any number of workers:
            all are set before each batch from (seed, epoch, number of the batch).
        optimizers: spec of the optimizer, or one for each player.
        schedules: spec of the learning-rate schedule, or one for each player
            (see `cartograd.engine.schedule`).
        epochs: how often to go through the data.
        validate: data for the validation at the end of each epoch. The weights of the best epoch
            are put back at the end.
        metrics: by name, what to compute from all validation outputs and targets.
        monitor: the number that says which epoch is best, `valid/loss` unless told otherwise.
            Whether lower is better follows from its name (losses and errors) and can be said:
            `min:valid/x`, `max:valid/x`.
        patience: stop after this many epochs without a better one.
        min_delta: how much better counts.
        clip: largest norm of a player's gradient, or a spec of another limit: `value:max=0.5`
            for each number, `adaptive:max=0.01` for each unit beside its weights.
        accumulate: batches whose gradients make one step, equal to one large batch.
        average: spec of an average of the weights (`ema:decay=0.999`, `tail:share=0.25`): it is
            validated and monitored, and it is what the run ends with.
        recompute: keep only the inputs of blocks and run these again in the backward pass, for
            less memory; True chooses the blocks, names (a list, or with commas) say which.
        nonfinite: what to do when a loss or a gradient is not finite: `stop` and say where it
            began, `skip` that batch, or `rollback` to the last checkpoint, leave the batch out and
            halve the learning rate for a while (`rollback:steps=100,tries=3`).
        precision: `float32`, `bf16` for the products of the forward and backward pass, or `auto`:
            bf16 where the device computes it by itself and the first batch's products are so large
            that it pays.
        device: `auto`, `cpu`, `cuda` or `mps`.
        seed: of everything random in the run.
        folder: where to keep options, metrics, events and checkpoints.
        resume: go on from the newest good checkpoint in `folder`.
        save_every: steps between checkpoints; by default about every half minute, so that they
            take at most a hundredth of the time. They are written beside the training.
        keep: which of them stay: `last=2,best=1,every=1000` for the newest two, that of the best
            epoch and that of each thousandth step, the latter saved in any case. By default the
            newest two, each with the best weights in it.
        exact: refuse to resume where it cannot be bit for bit, as under another version of torch.
        log_every: steps that a line of losses in `metrics.jsonl` covers, as means over them; by
            default a fiftieth of an epoch.
        compile: run the players through `torch.compile`; with a warning they run as they are where
            that fails.
        autotune: choose the memory layout of images and the number of threads in about a second of
            steps on copies.
        deterministic: use only operations of torch that give the same bits each time.
        sinks: where numbers go besides `metrics.jsonl`: `tensorboard`, `mlflow`, or objects with
            a method `write(record)`.
        profile: steps to trace with torch's profiler, into the folder's `trace.json`.
        parallel: how several processes share the work: `ddp` (each has all weights and its rows of
            each batch), `fsdp` (weights, gradients and moments are spread over them), `tensor` (a
            layer's units are). Without effect in a process alone. Processes belong together when
            a process group has been initialised, or torchrun's environment says so.
        progress: `True` shows a bar (or a line per epoch), or an object with the methods of
            `cartograd.engine.progress.Progress`.

    Raises:
        UsageError: an argument is wrong (nothing was written then), the loss became infinite or
            not a number, or a file cannot be written.
    """
    arguments.check_ranges(
        epochs=epochs, patience=patience, min_delta=min_delta, accumulate=accumulate, seed=seed,
        save_every=save_every, log_every=log_every, profile=profile,
    )  # fmt: skip
    limit, chosen_blocks = arguments.clipping(clip), blocks(recompute)
    place, names = pick(device), arguments.player_names(objective)
    policy = Policy.parse(nonfinite, folder=folder is not None)
    together = team(parallel, place)
    place = together.device(place)
    source, valid = as_batches(batches), None if validate is None else as_batches(validate)
    plan = {
        "seed": seed, "accumulate": accumulate, "batches": length(source), "epochs": epochs,
        "clip": arguments.clip_word(limit), "log_every": log_every,
        "average": check_average(average), "precision": check_precision(precision, place),
        "optimizers": arguments.specs(optimizers, names, "optimizers"),
        "schedules": arguments.specs(schedules, names, "schedules"),
        "layout": OPEN if autotune else None, "threads": OPEN if autotune else None,
    }  # fmt: skip
    monitored = arguments.monitored(
        monitor, validates=validate is not None, patience=patience, min_delta=min_delta
    )
    arguments.check_together(plan, folder=folder, resume=resume, profile=profile)
    check_monitor(monitored, objective, source, valid, dict(metrics), device=place, seed=seed)
    outlets = checked(sinks, folder)
    together.check(source, seed, autotune=autotune, nonfinite=policy.kind)
    trained = together.prepare(objective, place)
    loop = Loop(
        objective=trained, batches=source, epochs=epochs, per_epoch=plan["batches"],
        players=arguments.players(
            trained, place, plan, optimizers, schedules, monitored,
            validates=validate is not None, team=together,
        ),
        device=place, plan=plan, recovery=Recovery(policy), seed=seed, accumulate=accumulate,
        log_every=log_every, validate=valid, metrics=dict(metrics),
        model=arguments.model_of(trained, metrics), monitor=monitored,
        progress=chosen(progress if together.lead else None), team=together,
    )  # fmt: skip
    writing = {"save_every": save_every, "keep": _kept(keep, monitored), "exact": exact}
    with ExitStack() as stack:
        stack.enter_context(together)
        stack.enter_context(
            surroundings(trained, recompute=chosen_blocks, deterministic=deterministic)
        )
        if folder is not None:
            run_folder = _opened(Path(folder), plan, resume, together)
            keeper = Keeper(run_folder, plan, team=together, **writing)
            stack.enter_context(closing(keeper))
            loop.keeper = keeper
            if resume:
                loop.resume()
            if profile is not None and together.lead:
                loop.clock.tracer = Tracer(profile, keeper.folder.path / "trace.json", place)
            if together.lead:
                keeper.folder.sinks = opened(outlets, keeper.folder.path, plan)
            keeper.folder.event("resumed" if resume else "started", step=loop.state.step)
        if compile:
            stack.callback(compile_in_place([player.module for player in loop.players.values()]))
        loop.run()
        together.finish(trained, objective)
    return _done(loop, objective, folder)


def _done(loop: Loop, objective: Any, folder: str | Path | None) -> Run:
    state = loop.state
    path = None if folder is None else Path(folder)
    stop = loop.stop.asked if state.stopped == "interrupted" else None
    model = arguments.model_of(objective, ())
    return Run(path, state.history, state.best, state.stopped, model, state.step, stop)


def _kept(keep: str | None, monitored: Monitor) -> Keep:
    """Which checkpoints stay."""
    kept = NEWEST if keep is None else Keep.parse(keep)
    if kept.best and not monitored.name:
        raise UsageError("keep needs a number to tell the best by; give validate= or monitor=")
    return kept


def _opened(path: Path, plan: dict[str, Any], resume: bool, together: Crew) -> Any:
    """Open the run folder; the options go into its configuration unless the caller wrote one."""

    def begun() -> RunFolder:
        if resume and not runs.is_run(path):
            raise UsageError(f"{path} holds no run to resume")
        folder = RunFolder(path, resume=resume)
        if not (path / "config.toml").exists():
            runs.write_config(path, plan, dict.fromkeys(plan, "fit"))
        return folder

    folder = together.lead_does(begun)
    return folder if together.lead else Unwritten(path)
