"""A run that goes on for longer than it was planned: where that is the longer run, bit for bit.

A rate that is a function of the step, of the epoch or of the numbers so far does not know how long
the run will be: two epochs and then two more are four. A cosine, a one-cycle or a warm-up given as
a share of the run would have had other rates from the first step on.
"""

import math
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.engine.logging.run_folder import read_config
from cartograd.engine.loop.config import RunConfig
from cartograd.engine.loop.own_code import is_noted
from cartograd.engine.optim.schedule import schedule

LOOKS = 500
"""Steps whose rates are compared, evenly over the run."""


def check_longer(config: RunConfig, before: int, origin: str, /) -> None:
    """Refuse to go on for longer where the run so far would have been another one.

    Args:
        config: of the run that goes on.
        before: the epochs that were planned.
        origin: the checkpoint.

    Raises:
        UsageError: what was laid out for the length, and how to go on instead.
    """
    word = _laid_out(config, before)
    if word is None:
        return
    folder = Path(origin).parents[1]
    known = (folder / "config.toml").exists()
    data = read_config(folder)[0].get("data", "DATA") if known else "DATA"
    raise UsageError(
        f"{origin} was written with epochs={before} and this run has epochs={config.epochs}, but "
        f"{word} is laid out for the length of the run; go on with epochs={before}, or begin "
        f"another run from its weights: cartograd train {folder} --data {data} --epochs "
        f"{max(1, config.epochs - before)}"
    )


def _laid_out(config: RunConfig, before: int) -> str | None:
    """What depends on the planned length, in words; None if nothing does."""
    if str(config.average or "").startswith("tail"):
        return f"average={config.average}"
    shorter = replace(config, epochs=min(before, config.epochs))
    longer = replace(config, epochs=max(before, config.epochs))
    for spec in config.schedule.values():
        if is_noted(spec):
            continue  # a function of the step alone
        if _rates(spec, shorter, shorter) != _rates(spec, longer, shorter):
            return f"schedule={spec}"
    return None


def _rates(spec: str, config: RunConfig, shown: RunConfig) -> list[float]:
    """The rates of a schedule in a run, at steps of a shorter one."""
    per_epoch = math.ceil((config.batches or 1) / config.accumulate)
    total = None if config.batches is None else per_epoch * config.epochs
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=1.0)
    plan = schedule(spec, optimizer, total, epochs=config.epochs, metric="valid/loss")
    if plan.per == "metric":
        return []
    steps, found = per_epoch * shown.epochs, []
    for step in sorted({*range(0, steps, max(1, steps // LOOKS)), steps - 1}):
        plan.begin(step // per_epoch, [])
        plan.apply(step)
        found.append(float(optimizer.param_groups[0]["lr"]))
    return found
