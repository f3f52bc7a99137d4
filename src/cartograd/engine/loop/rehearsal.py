"""The rehearsal: a batch of each part through model, loss and metrics, before the first step.

What would fail at step 1, at the end of the first epoch or in the backward pass fails here, before
a run folder is made. Weights, gradients, running statistics, optimizers and random states are as
they were afterwards, so that a rehearsed run is that of one without a rehearsal, bit for bit.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from traceback import walk_tb
from types import MappingProxyType, TracebackType
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from cartograd.core.errors import UsageError, unknown
from cartograd.core.protocols import Batches, Metric
from cartograd.engine.device.device import autocast
from cartograd.engine.device.randomness import TRAINING, seeder
from cartograd.engine.distributed.process_group import ProcessGroup
from cartograd.engine.inputs.stream import examples
from cartograd.engine.loop.config import OPEN, RunConfig
from cartograd.engine.loop.evaluate import validation
from cartograd.engine.loop.flops import flop_counter
from cartograd.engine.loop.monitor import Monitor
from cartograd.engine.loop.probe import One, first, tried, unnoticed
from cartograd.engine.optim import accumulation
from cartograd.engine.optim.player import Player


@runtime_checkable
class Rehearsable(Protocol):
    """The parts of a run that its rehearsal reads."""

    batches: Batches
    players: dict[str, Player]
    device: torch.device
    config: RunConfig
    validate: Batches | None
    metrics: Mapping[str, Metric]
    monitor: Monitor
    processes: ProcessGroup


def rehearse(loop: Rehearsable, objective: Any, model: nn.Module | None, /) -> float | None:
    """Try a batch of the training and of the validation data.

    Sharded weights are gathered by the passes of the run alone. There the objective is tried as it
    was before it was sharded, without its gradients, and operations are not counted.

    Args:
        loop: the run.
        objective: its objective, with whole weights.
        model: the one that metrics measure, if any do.

    Returns:
        Operations of a step for one example (a multiplication and an addition are two), None where
        they cannot be counted.

    Raises:
        UsageError: a batch cannot be made, does not go through the model, its loss or a metric, or
            an epoch will not give the number that is monitored or followed.
    """
    with explained("the first batch of the training part cannot be made"):
        batch = tried(loop.batches, loop.device, seed=loop.config.seed)
    if batch is None:
        raise UsageError("there are no batches to train on")
    known, flops = _trained(loop, objective, batch)
    if loop.validate is not None:
        measured = _validated(loop, objective, model, batch)
        known = None if known is None else known | measured
    watched = [("monitor", loop.monitor.name if loop.monitor.required else "")]
    watched += [("follow", one.schedule.metric) for one in loop.players.values()
                if one.schedule and one.schedule.per == "metric"]  # fmt: skip
    for what, name in watched:
        if name and known is not None and name not in known:
            raise unknown(f"number to {what}", name, known)
    return flops


def _trained(loop: Rehearsable, objective: Any, batch: Any) -> tuple[set[str] | None, float | None]:
    """The names of the numbers of a step, None where they are not known, and its operations."""
    alone = len(loop.players) == 1
    usual = ["loss"] if alone else [f"{name}/loss" for name in loop.players]
    usual += [name.replace("loss", "gradient_norm") for name in usual]
    counter = flop_counter()
    what = f"a batch of the training part ({shapes(batch)}) does not go through "
    with explained(f"{what}{type(objective).__name__}", objective.players):
        try:
            found = _losses(loop, objective, batch, counter)
            flops = counter.get_total_flops() / examples(batch)
        except Exception as error:  # what cannot be counted may still be trained
            if isinstance(error, UsageError):
                raise
            found, flops = _losses(loop, objective, batch, nullcontext()), 0.0
    if loop.processes.sharded:
        flops = 0.0
    return None if found is None else {f"train/{key}" for key in (*usual, *found)}, flops or None


def _losses(loop: Rehearsable, objective: Any, batch: Any, counter: Any) -> set[str] | None:
    """Run the losses and their gradients as a step does; the names of their further numbers.

    Returns:
        None where the objective does not go on without the steps that the run takes.
    """
    config, names = loop.config, set()
    precision = "float32" if config.precision == OPEN else config.precision
    with unnoticed(objective), torch.enable_grad(), counter:
        seeder(loop.device, config.seed, TRAINING)(0)
        generator = iter(objective.losses(batch))
        while True:
            try:
                with autocast(precision, loop.device):
                    loss = next(generator, None)
            except Exception:
                if not names:
                    raise
                return None
            if loss is None:
                return names
            names |= {"loss", *loss.metrics}
            if loss.player not in loop.players:
                raise unknown("player yielded by the objective", loss.player, loop.players)
            if not loop.processes.sharded:
                loop.players[loss.player].try_backward(loss.value, accumulation.shares(loss))


def _validated(loop: Rehearsable, objective: Any, model: nn.Module | None, batch: Any) -> set[str]:
    """The names of the numbers of a validation."""
    validate = loop.validate
    assert validate is not None
    with explained("the first batch of the validation part cannot be made"):
        found = first(validate, loop.device, seed=loop.config.seed)
    if found is None:
        raise UsageError("there are no batches to validate on")
    few = _as_many(found, batch)
    config = loop.config
    precision = "float32" if config.precision == OPEN else config.precision

    def numbers(of: Batches) -> set[str]:
        return set(
            validation(
                objective, of, model=model, metrics=loop.metrics, device=loop.device,
                precision=precision, seed=config.seed,
            ) or {}
        )  # fmt: skip

    what = f"a batch of the validation part ({shapes(few)}) cannot be measured"
    with unnoticed(objective), explained(what, objective.players):
        try:
            return numbers(One(few))
        except Exception as error:  # a metric may want more than a batch has, such as each class
            with suppress(Exception):
                return numbers(validate)
            raise error


def _as_many(found: Any, batch: Any) -> Any:
    """No more rows of a batch than those of another one, where it has plain rows."""
    rows = examples(batch)
    plain = isinstance(found, tuple) and all(isinstance(item, Tensor) for item in found)
    if plain and len({item.shape[:1] for item in found}) == 1 and found[0].ndim:
        return tuple(item[:rows] for item in found)
    return found


@contextmanager
def explained(what: str, players: Mapping[str, nn.Module] = MappingProxyType({})) -> Iterator[None]:
    """Any failure within the block in one line, with the module where it began.

    Args:
        what: could not be done.
        players: modules by name, one of which may have failed.

    Raises:
        UsageError: that line.
    """
    try:
        yield
    except UsageError:
        raise
    except torch.OutOfMemoryError as error:
        told = f"{what}: it does not fit into memory; lower batch_size, or set recompute=true"
        raise UsageError(told) from error
    except Exception as error:
        if "deterministic implementation" in str(error):  # the run's context says how to mend it
            raise
        raise UsageError(f"{what}: {reason(error)}{where(error.__traceback__, players)}") from error


def reason(error: BaseException, /) -> str:
    """A failure in a line: its kind, and the first line of what it says."""
    said = str(error).strip().partition("\n")[0].strip()
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def where(trace: TracebackType | None, players: Mapping[str, nn.Module], /) -> str:
    """The innermost module of the players in which a failure began; empty if in none."""
    names = {
        id(part): name
        for prefix, module in players.items()
        for name, part in module.named_modules(prefix=prefix)
    }
    found = ""
    for frame, _ in walk_tb(trace):
        part = frame.f_locals.get("self")
        if id(part) in names:
            found = f" (in {names[id(part)]}, {type(part).__name__})"
    return found


def shapes(batch: Any, /) -> str:
    """Types and shapes of a batch's tensors.

    >>> shapes((torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64)))
    'float32 2x3, int64 2'
    """
    items = batch.values() if isinstance(batch, dict) else batch
    words = [
        f"{str(item.dtype).removeprefix('torch.')} {'x'.join(map(str, item.shape))}".strip()
        if isinstance(item, Tensor)
        else type(item).__name__
        for item in items
    ]
    return ", ".join(words)
