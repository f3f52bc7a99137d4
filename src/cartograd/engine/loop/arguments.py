"""The arguments of `fit`: checked before anything is written, and turned into objects."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cartograd.core.build import build, resolve
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.engine.distributed.process_group import ProcessGroup
from cartograd.engine.loop import own_code
from cartograd.engine.loop.clip_spec import clip_spec
from cartograd.engine.loop.config import RunConfig
from cartograd.engine.loop.monitor import Monitor
from cartograd.engine.loop.monitored import monitored
from cartograd.engine.loop.options import FitOptions
from cartograd.engine.optim import average, groups
from cartograd.engine.optim.player import Clip, Player, per_player
from cartograd.engine.optim.schedule import of_step, schedule
from cartograd.engine.optim.schedule_names import ours


def clipping(given: float | str | Spec | None, /) -> Spec | None:
    """The gradient clipping: a number is the largest norm, a spec names `norm`, `value`, ...

    Raises:
        UsageError: there is no such way, or its limit is not above zero.
    """
    spec = clip_spec(given)
    return None if spec is None else resolve(spec, kind="clipping")[1]


def clip_word(spec: Spec | None, /) -> float | str | None:
    """Clipping as the configuration has it: the number for a norm, else the spec."""
    if spec is None:
        return None
    plain = spec.name == "norm" and set(spec.args) == {"max"}
    return float(spec.args["max"]) if plain else str(spec)


def check_together(
    config: RunConfig, /, *, folder: str | Path | None, resume: bool, profile: int | None
) -> None:
    """Refuse arguments that do not go together.

    Raises:
        UsageError: which.
    """
    if config.batches is not None and config.accumulate > config.batches:
        raise UsageError(
            f"accumulate={config.accumulate} is more than the {config.batches} batches there are"
        )
    if resume and folder is None:
        raise UsageError("resume needs the folder of the run to go on with")
    if profile is not None and folder is None:
        raise UsageError("profile writes a file into the run folder; give folder=")


def player_names(objective: Any, /) -> list[str]:
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


def specs(given: Any, names: list[str], what: str, /) -> dict[str, str]:
    """The spec of each player as text; of a function of a user's own the word for it.

    Raises:
        UsageError: a player is unknown.
    """
    by_player = own_code.in_words(per_player(given, names, what))
    return {name: str(spec) for name, spec in by_player.items() if spec is not None}


def muon_takes(specs: Iterable[str], begun: Mapping[str, Any] | None, /) -> str | None:
    """What Muon steps, if it trains a player: `hidden` weights, or as in the run that goes on."""
    known = (spec for spec in specs if not own_code.is_noted(spec))
    if not any(Spec.parse(spec).name.lower() == "muon" for spec in known):
        return None
    return "hidden" if begun is None else begun.get("muon") or "matrices"


def players(
    objective: Any,
    place: torch.device,
    config: RunConfig,
    options: FitOptions,
    monitor: Monitor,
    /,
    *,
    validates: bool,
    processes: ProcessGroup,
) -> dict[str, Player]:
    """Each player on the device, with its optimizer and schedule.

    Raises:
        UsageError: a spec is wrong, or a player has none.
    """
    modules: dict[str, nn.Module] = objective.players
    if isinstance(objective, nn.Module):
        objective.to(place)
    per_epoch, epochs = config.batches, config.epochs
    total = None if per_epoch is None else math.ceil(per_epoch / config.accumulate) * epochs
    limit = clipping(config.clip)
    clip: Clip | None = None if limit is None else build(limit, kind="clipping")
    given = per_player(options.optimizer, list(modules), "optimizer")
    followed = per_player(options.schedule, list(modules), "schedule")
    patterns = groups.parsed(config.groups)
    divided = bool(patterns) or config.layer_decay is not None
    scales = config.precision in ("fp16", "fp16-emulated")
    if scales and processes.sharded:
        raise UsageError(
            f"precision={config.precision} scales the loss in each process by itself, and the "
            "weights are spread over several; use bf16 with them"
        )
    used: set[str] = set()
    made = {}
    for name, module in modules.items():
        if given.get(name) is None:
            raise UsageError(f"optimizer has none for player {name!r}")
        player = Player(
            name, module.to(place), given[name], clip=clip, processes=processes,
            decay=config.decay, given=groups.named_optimizers(module, patterns),
            muon=config.muon,
            scaler=torch.amp.GradScaler(place.type) if scales else None,
        )  # fmt: skip
        if divided and callable(given[name]):
            raise UsageError(
                "groups and layer_decay divide the parameters of an optimizer's spec; a function "
                "of your own makes its own groups"
            )
        if divided:
            depth = config.layer_decay
            used |= groups.arrange(player.optimizer, module, layer_decay=depth, groups=patterns)
        if callable(followed.get(name)):
            player.schedule = of_step(followed[name], player.optimizer)
        elif followed.get(name) is not None:
            spec = ours(followed[name])
            watched = _followed(spec, monitor, validates)
            player.schedule = schedule(
                spec,
                player.optimizer,
                total,
                epochs=epochs,
                metric=watched.name,
                mode="min" if watched.falls else "max",
            )
        if config.average is not None and name in getattr(objective, "averaged", modules):
            player.average = average.Average(module, average.rule(config.average, total), total)
        made[name] = player
    names = [name for module in modules.values() for name, _ in module.named_parameters()]
    groups.check_used(patterns, used, names)
    return made


def _followed(spec: Spec, monitor: Monitor, validates: bool) -> Monitor:
    """The number that a plateau follows: the monitored one, unless it names another."""
    if spec.name != "plateau" or "metric" not in spec.args:
        return monitor
    given, mode = str(spec.args["metric"]), spec.args.get("mode")
    if mode in ("min", "max") and not given.startswith(("min:", "max:")):
        given = f"{mode}:{given}"
    return monitored(given, validates=validates, patience=None, min_delta=0, word="metric")


def model_of(objective: Any, metrics: Any, /) -> nn.Module | None:
    """The module that gives the outputs: the player called `model`, or the only one.

    Raises:
        UsageError: metrics are asked for and nothing gives them outputs.
    """
    by_name = objective.players
    model = next(iter(by_name.values())) if len(by_name) == 1 else by_name.get("model")
    if metrics and model is None and not callable(getattr(objective, "validate", None)):
        raise UsageError("metrics need a player called 'model', or an objective with validate()")
    return model
