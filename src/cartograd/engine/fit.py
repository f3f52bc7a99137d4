"""Train: any objective, any model, one loop."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cartograd.core import vocabulary
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batches, Metric, Objective
from cartograd.core.spec import Spec
from cartograd.engine import checkpoint, runs
from cartograd.engine.device import check_compiler, check_precision, pick
from cartograd.engine.loop import Loop
from cartograd.engine.player import Player, per_player
from cartograd.engine.progress import Progress, chosen
from cartograd.engine.runs import RunFolder
from cartograd.engine.schedule import schedule
from cartograd.engine.stream import as_batches, length

_FALLING = ("loss", "nll", "ece", "mse", "rmse", "mae", "error", "perplexity", "brier", "fid")
"""Names (or last parts of names) of numbers that are better when lower."""


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
    """

    folder: Path | None
    history: list[dict[str, Any]]
    best: dict[str, Any] = field(default_factory=dict)
    stopped: str | None = None
    model: nn.Module | None = None
    steps: int = 0


def fit(
    objective: Objective,
    batches: Batches | Any,
    /,
    *,
    optimizers: str | Spec | dict[str, str | Spec] = "adamw:lr=1e-3",
    schedules: str | Spec | dict[str, str | Spec] | None = None,
    epochs: int = 10,
    validate: Batches | Any | None = None,
    metrics: Mapping[str, Metric] | None = None,
    monitor: str | None = None,
    patience: int | None = None,
    min_delta: float = 0.0,
    clip: float | None = None,
    accumulate: int = 1,
    precision: str = "float32",
    device: str = "auto",
    seed: int = 0,
    folder: str | Path | None = None,
    resume: bool = False,
    save_every: int | None = None,
    compile: bool = False,
    progress: Progress | bool | None = None,
) -> Run:
    """Train an objective's players on batches.

    For each batch the engine runs `objective.losses(batch)` and, at each loss that it yields, steps
    the named player with the gradient of its parameters alone. Random numbers are set anew at each
    step from (seed, step) and the order of the data from (seed, epoch), so a run that is stopped
    and resumed ends with the very weights of one that was not. Ctrl-C and SIGTERM finish the step,
    save and return; a second one ends the process.

    Args:
        objective: what to learn (see `cartograd.core.protocols.Objective`).
        batches: training data: `Batches`, a DataLoader or an iterable of tuples of tensors.
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
        clip: largest norm of a player's gradient.
        accumulate: batches whose gradients make one step, equal to one large batch.
        precision: `float32`, or `bf16` for the forward pass.
        device: `auto`, `cpu`, `cuda` or `mps`.
        seed: of everything random in the run.
        folder: where to keep configuration, metrics, events and checkpoints.
        resume: go on from the newest good checkpoint in `folder`.
        save_every: steps between checkpoints; by default about every half minute, so that they
            take at most a hundredth of the time.
        compile: run the players through `torch.compile`.
        progress: `True` shows a bar (or a line per epoch), or an object with the methods of
            `cartograd.engine.progress.Progress`.

    Raises:
        UsageError: an argument is wrong (nothing was written then), the loss became infinite or
            not a number, or a file cannot be written.
    """
    place = pick(device)
    _check_ranges(
        epochs=epochs, patience=patience, min_delta=min_delta, clip=clip, accumulate=accumulate,
        seed=seed, save_every=save_every,
    )  # fmt: skip
    names = _player_names(objective)
    source, checks = as_batches(batches), None if validate is None else as_batches(validate)
    per_epoch = length(source)
    if per_epoch is not None and accumulate > per_epoch:
        raise UsageError(f"accumulate={accumulate} is more than the {per_epoch} batches there are")
    if resume and folder is None:
        raise UsageError("resume needs the folder of the run to go on with")
    if compile:
        check_compiler()
    target, falls = _target(monitor, validate is not None)
    if patience is not None and not target:
        raise UsageError("patience needs a number to watch; give validate= or monitor=")
    plan = {
        "seed": seed, "accumulate": accumulate, "batches": per_epoch, "epochs": epochs,
        "clip": clip, "precision": check_precision(precision, place),
        "optimizers": _specs(optimizers, names, "optimizers"),
        "schedules": _specs(schedules, names, "schedules"),
    }  # fmt: skip
    players = _players(objective, place, plan, optimizers, schedules, "min" if falls else "max")
    loop = Loop(
        objective=objective, batches=source, players=players, epochs=epochs, per_epoch=per_epoch,
        device=place, precision=plan["precision"], seed=seed, accumulate=accumulate,
        validate=checks, metrics=metrics or {}, model=_model(objective, metrics), monitor=target,
        required=monitor is not None or patience is not None, falls=falls, patience=patience,
        min_delta=min_delta, save_every=save_every, progress=chosen(progress), plan=plan,
    )  # fmt: skip
    with _training(objective):
        if folder is not None:
            _open(loop, Path(folder), resume)
        if compile:
            for player in players.values():
                player.module.compile()
        loop.run()
    state = loop.state
    path = None if loop.folder is None else loop.folder.path
    return Run(path, state.history, state.best, state.stopped, loop.model, state.step)


def _check_ranges(**given: Any) -> None:
    """Refuse a number of the wrong type or outside of its word's range."""
    for key, value in given.items():
        if value is None:
            continue
        whole = key not in ("min_delta", "clip")
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            expected = "a whole number" if whole else "a number"
            raise UsageError(f"fit: {key}={value!r} is of the wrong type; expected {expected}")
        vocabulary.check("fit", key, value)


def _player_names(objective: Any) -> list[str]:
    """The objective's players.

    Raises:
        UsageError: it is no objective.
    """
    players = getattr(objective, "players", None)
    if not callable(getattr(objective, "losses", None)) or not isinstance(players, dict):
        raise UsageError(
            f"{type(objective).__name__} is no objective: it needs `players` (a dictionary of "
            "modules) and `losses(batch)`; cartograd.build('classify', model=model) makes one"
        )
    if not players or not all(isinstance(module, nn.Module) for module in players.values()):
        raise UsageError("an objective's players are one or more nn.Modules by name")
    return list(players)


def _specs(given: Any, names: list[str], what: str) -> dict[str, str]:
    """The spec of each player as text."""
    chosen_specs = per_player(given, names, what)
    return {key: str(spec) for key, spec in chosen_specs.items() if spec is not None}


def _target(monitor: str | None, validates: bool) -> tuple[str, bool]:
    """The number to monitor and whether it should fall."""
    if monitor is None:
        return ("valid/loss", True) if validates else ("", True)
    direction, _, name = monitor.rpartition(":")
    if direction not in ("", "min", "max") or not name.startswith(("train/", "valid/")):
        raise UsageError(
            f"monitor={monitor!r} is not a number of the history; expected train/... or "
            "valid/..., with min: or max: before it where its name does not tell"
        )
    if name.startswith("valid/") and not validates:
        raise UsageError(f"monitor={monitor!r} needs validation data; give validate=")
    words = set(name.replace("/", "-").replace("_", "-").split("-"))
    return name, direction == "min" or (not direction and bool(words & set(_FALLING)))


def _players(
    objective: Any,
    place: torch.device,
    plan: dict[str, Any],
    optimizers: Any,
    schedules: Any,
    mode: str,
) -> dict[str, Player]:
    """Each player on the device, with its optimizer and schedule."""
    modules: dict[str, nn.Module] = objective.players
    if isinstance(objective, nn.Module):
        objective.to(place)
    per_epoch, epochs = plan["batches"], plan["epochs"]
    total = None if per_epoch is None else math.ceil(per_epoch / plan["accumulate"]) * epochs
    names = list(modules)
    given = per_player(optimizers, names, "optimizers")
    followed = per_player(schedules, names, "schedules")
    players = {}
    for name, module in modules.items():
        if name not in given:
            raise UsageError(f"optimizers has none for player {name!r}")
        player = Player(name, module.to(place), given[name], clip=plan["clip"])
        if followed.get(name) is not None:
            player.schedule = schedule(
                followed[name], player.optimizer, total, epochs=epochs, mode=mode
            )
        players[name] = player
    return players


def _model(objective: Any, metrics: Any) -> nn.Module | None:
    """The module that answers: the player called `model`, or the only one."""
    players = objective.players
    model = next(iter(players.values())) if len(players) == 1 else players.get("model")
    if metrics and model is None and not callable(getattr(objective, "validate", None)):
        raise UsageError("metrics need a player called 'model', or an objective with validate()")
    return model


@contextmanager
def _training(objective: Any) -> Iterator[None]:
    """Everything in training mode; at the end each part gets the mode that it had."""
    modules = [objective, *objective.players.values()]
    modules = [module for module in modules if isinstance(module, nn.Module)]
    modes = [(part, part.training) for module in modules for part in module.modules()]
    for module in modules:
        module.train()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def _open(loop: Loop, path: Path, resume: bool) -> None:
    """Open the run folder and, to resume, go to its newest good checkpoint."""
    if resume and not runs.is_run(path):
        raise UsageError(f"{path} holds no run to resume")
    loop.folder = RunFolder(path, resume=resume)
    if not (path / "config.toml").exists():
        runs.write_config(path, loop.plan, dict.fromkeys(loop.plan, "fit"))
    found = checkpoint.load(loop.folder.checkpoints) if resume else None
    if found is not None:
        loop.load(found)
    elif resume:
        loop.folder.cut_metrics(0)
    loop.folder.event("resumed" if resume else "started", step=loop.state.step)
