"""The rehearsal: a batch of each part through model, loss and metrics, before the first step.

What would fail at step 1, at the end of the first epoch or in the backward pass fails here, before
a run folder is made. Weights, gradients, running statistics, optimizers and random states are as
they were afterwards, so that a rehearsed run is that of one without a rehearsal, bit for bit.
On a processor a few rows of the batch of training do, where they go through: a whole one took as
long as the first step, which is much of a short run. Elsewhere it shows whether memory does.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from traceback import walk_tb
from types import MappingProxyType, TracebackType
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

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
from cartograd.engine.loop.probe import One, first, shapes, tried, unnoticed
from cartograd.engine.optim import accumulation
from cartograd.engine.optim.player import Player

WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
"""Types of whole numbers."""


@dataclass(frozen=True)
class Operations:
    """What an example takes: a multiplication and an addition are two.

    Attributes:
        step: of a step; None where they cannot be counted.
        forward: of the losses alone.
    """

    step: float | None = None
    forward: float | None = None


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


def rehearse(loop: Rehearsable, objective: Any, model: nn.Module | None, /) -> Operations:
    """Try a batch of the training and of the validation data.

    Sharded weights are gathered by the passes of the run alone. There the objective is tried as it
    was before it was sharded, without its gradients, and operations are not counted.

    Args:
        loop: the run.
        objective: its objective, with whole weights.
        model: the one that metrics measure, if any do.

    Returns:
        Operations of a step for one example.

    Raises:
        UsageError: a batch cannot be made, does not go through the model, its loss or a metric, or
            an epoch will not give the number that is monitored or followed.
    """
    with explained("the first batch of the training part cannot be made"):
        batch = tried(loop.batches, loop.device, seed=loop.config.seed)
    if batch is None:
        raise UsageError("there are no batches to train on")
    known, counted = _trained(loop, objective, batch)
    if loop.validate is not None:
        measured = _validated(loop, objective, model, batch)
        known = None if known is None else known | measured
    watched = [("monitor", loop.monitor.name if loop.monitor.required else "")]
    watched += [("follow", one.schedule.metric) for one in loop.players.values()
                if one.schedule and one.schedule.per == "metric"]  # fmt: skip
    for what, name in watched:
        if name and known is not None and name not in known:
            raise unknown(f"number to {what}", name, known)
    return counted


def _trained(loop: Rehearsable, objective: Any, batch: Any) -> tuple[set[str] | None, Operations]:
    """The names of the numbers of a step, None where they are not known, and its operations."""
    alone = len(loop.players) == 1
    usual = ["loss"] if alone else [f"{name}/loss" for name in loop.players]
    usual += [name.replace("loss", "gradient_norm") for name in usual]
    what = f"a batch of the training part ({shapes(batch)}) does not go through "
    few = _few(batch) if loop.device.type == "cpu" else None
    if few is not None:
        with suppress(Exception):  # the whole batch says what is wrong, if anything is
            found, counted = _losses(loop, objective, few, flop_counter())
            return _known(usual, found), counted
    with explained(f"{what}{type(objective).__name__}", objective.players):
        try:
            found, counted = _losses(loop, objective, batch, flop_counter())
        except Exception as error:  # what cannot be counted may still be trained
            if isinstance(error, UsageError):
                raise
            found, counted = _losses(loop, objective, batch, None)
    return _known(usual, found), counted


def _known(usual: list[str], found: set[str] | None) -> set[str] | None:
    return None if found is None else {f"train/{key}" for key in (*usual, *found)}


def _few(batch: Any) -> tuple[Tensor, ...] | None:
    """Two rows or some more of a batch that has plain ones; None where there are not many.

    Those with the least and the greatest whole numbers are among them, as these may be of no class
    or of no word.
    """
    if not _has_rows(batch):
        return None
    whole = [item for item in batch if item.dtype in WHOLE and item.numel()]
    ends = {
        int(end(item.long())) // item[0].numel()
        for item in whole
        for end in (torch.argmin, torch.argmax)
    }
    rows = sorted(ends if len(ends) > 1 else ends | {0, 1})
    return None if 2 * len(rows) > examples(batch) else tuple(item[rows] for item in batch)


def _losses(
    loop: Rehearsable, objective: Any, batch: Any, counter: FlopCounterMode | None
) -> tuple[set[str] | None, Operations]:
    """Run the losses and their gradients as a step does; the names of their further numbers.

    The names are None where the objective does not go on without the steps that the run takes.
    """
    config, names, forward = loop.config, set[str](), 0
    precision = "float32" if config.precision == OPEN else config.precision
    with unnoticed(objective), torch.enable_grad(), counter or nullcontext():
        seeder(loop.device, config.seed, TRAINING)(0)
        generator = iter(objective.losses(batch))
        while True:
            before = _total(counter)
            try:
                with autocast(precision, loop.device):
                    loss = next(generator, None)
            except Exception:
                if not names:
                    raise
                return None, Operations(_each(loop, counter, batch))
            forward += _total(counter) - before
            if loss is None:
                each = forward / examples(batch) or None
                return names, Operations(_each(loop, counter, batch), each)
            names |= {"loss", *loss.metrics}
            if loss.player not in loop.players:
                raise unknown("player yielded by the objective", loss.player, loop.players)
            if not loop.processes.sharded:
                loop.players[loss.player].try_backward(loss.value, accumulation.shares(loss))


def _total(counter: FlopCounterMode | None) -> int:
    return 0 if counter is None else counter.get_total_flops()


def _each(loop: Rehearsable, counter: FlopCounterMode | None, batch: Any) -> float | None:
    """Operations of a step for one example; sharded, its gradients were left out."""
    return None if loop.processes.sharded else _total(counter) / examples(batch) or None


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
    return tuple(item[: examples(batch)] for item in found) if _has_rows(found) else found


def _has_rows(batch: Any) -> bool:
    """Whether a batch is a tuple of tensors with a row for each example."""
    plain = isinstance(batch, tuple) and all(isinstance(item, Tensor) for item in batch)
    return plain and len({item.shape[:1] for item in batch}) == 1 and batch[0].ndim > 0


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
