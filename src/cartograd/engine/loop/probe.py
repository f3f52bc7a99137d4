"""Try an objective on a batch, before a run and without side effects."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from cartograd.core.errors import unknown
from cartograd.core.eval_mode import evaluating
from cartograd.core.protocols import Batches, Loss, Metric
from cartograd.engine.device.randomness import aside
from cartograd.engine.inputs.stream import moved
from cartograd.engine.loop.evaluate import validation
from cartograd.engine.loop.monitor import Monitor


@contextmanager
def unnoticed(objective: Any, /) -> Iterator[None]:
    """Restore modes, buffers and random state afterwards."""
    parts = [part for part in (objective, *objective.players.values()) if _is_module(part)]
    buffers = [(buffer, buffer.clone()) for part in parts for buffer in part.buffers()]
    devices = list({b.device for b, _ in buffers if b.device.type == "cuda"})
    with aside(), torch.random.fork_rng(devices=devices), evaluating(*parts):
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)


def losses(objective: Any, batch: Any, /) -> list[Loss]:
    """The losses of a batch in evaluation mode, without any step between them."""
    with unnoticed(objective), torch.enable_grad():
        return list(objective.losses(batch))


def first(batches: Batches, device: torch.device, /, *, seed: int) -> Any:
    """The first batch of the first epoch, or None if there is none."""
    with aside(), torch.random.fork_rng(devices=[]):
        return next(moved(iter(batches.epoch(0, seed=seed)), device), None)


def check_monitor(
    monitor: Monitor,
    objective: Any,
    batches: Batches,
    validate: Batches | None,
    metrics: dict[str, Metric],
    /,
    *,
    device: torch.device,
    seed: int,
) -> None:
    """Refuse a number to monitor that an epoch will not give, before the first one.

    What is not known by its name is looked for in one batch. An objective that cannot be run
    without its steps is left to the end of the first epoch.

    Raises:
        UsageError: there is no such number, with the nearest one.
    """
    alone = len(objective.players) == 1
    usual = ["loss"] if alone else [f"{name}/loss" for name in objective.players]
    if not monitor.required or monitor.name in {
        *(f"{part}/{name}" for part in ("train", "valid") for name in usual),
        *(f"valid/{name}" for name in metrics),
    }:
        return
    try:
        if monitor.name.startswith("train/"):
            batch = first(batches, device, seed=seed)
            found = [key for loss in losses(objective, batch) for key in loss.metrics]
            norms = [name.replace("loss", "gradient_norm") for name in usual]
            names = [f"train/{key}" for key in (*usual, *norms, *found)]
        else:
            if validate is None:
                return
            one = _One(first(validate, device, seed=seed))
            with unnoticed(objective):
                numbers = validation(
                    objective, one, model=None, metrics={}, device=device, precision="float32",
                    seed=seed,
                )  # fmt: skip
            names = [*(numbers or {}), *(f"valid/{name}" for name in metrics)]
    except Exception:  # the run itself will say what is wrong with it
        return
    if monitor.name not in names:
        raise unknown("number to monitor", monitor.name, names)


class _One:
    """A single batch as `Batches`."""

    def __init__(self, batch: Any) -> None:
        self.batch = batch

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Any]:  # noqa: ARG002
        """The batch."""
        yield self.batch

    def __len__(self) -> int:
        return 1


def _is_module(part: Any) -> bool:
    return isinstance(part, nn.Module)
