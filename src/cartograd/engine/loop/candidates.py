"""The autotuner: a second of real steps on copies, to choose memory format and threads.

What is fast depends on the machine and on what else runs on it. The memory format of images may be
contiguous or channels last: up to 8 % either way for a ResNet. A second thread nearly
halves the time of large products, yet a tiny network's steps spend it waiting for each other; where
the second core is busy with something else, two threads are many times slower than one. Another
memory format has other dropout masks for images; all else differs by rounding only.
"""

import copy
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import torch
from torch import nn

from cartograd.engine.logging.metric_logger import MetricLogger
from cartograd.engine.loop.stepper import Stepper
from cartograd.engine.loop.timer import Timer
from cartograd.engine.optim.player import Player

SECONDS = 1.0
"""How long it takes, if two steps of each candidate do not take longer."""
GAIN = 0.95
"""Share of the usual choice's time that another must stay under."""

Choice = tuple[str, int]
"""Memory format and number of threads."""


def tuned(
    objective: Any,
    players: Mapping[str, Player],
    group: Sequence[Any],
    device: torch.device,
    precision: str,
    /,
) -> Choice:
    """The fastest memory format and number of threads for a step on these batches.

    Weights, buffers and random state do not change: the steps are taken by copies. What cannot be
    copied keeps the defaults.
    """
    usual = ("contiguous", torch.get_num_threads())
    choices = candidates(players, device)
    if len(choices) < 2:
        return usual
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            steppers = {one: _stepper(objective, players, device, precision) for one in choices}
            times = _timed(steppers, group, device)
        except Exception:  # no copy, or no memory for copies
            return usual
        finally:
            torch.set_num_threads(usual[1])
    best = min(choices, key=lambda one: times[one])
    return best if times[best] < GAIN * times[usual] else usual


def candidates(players: Mapping[str, Player], device: torch.device, /) -> list[Choice]:
    """What there is to choose from; the usual choice first."""
    filters = any(p.ndim == 4 for player in players.values() for p in player.params)
    layouts = ["contiguous", "channels_last"] if filters else ["contiguous"]
    count = torch.get_num_threads()
    threads = [count, 1] if device.type == "cpu" and count > 1 else [count]
    return list(product(layouts, threads))


def usual_layout(
    players: Mapping[str, Player], device: torch.device, precision: str, /
) -> str | None:
    """The memory format where none is tried: oneDNN computes bfloat16 with the channels last.

    A ResNet-18's step takes 0.89 of the time (one core of an EPYC with AVX-512 bfloat16): filters
    and images need not be turned round before and after each convolution.
    """
    filters = any(p.ndim == 4 for player in players.values() for p in player.params)
    return "channels_last" if filters and device.type == "cpu" and precision == "bf16" else None


def lay_out(players: Mapping[str, Player], layout: str, /) -> None:
    """Set the memory format of all players' filters and of their optimizer states."""
    form = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    for player in players.values():
        for weight in player.module.parameters():
            if weight.ndim == 4:
                weight.data = weight.data.contiguous(memory_format=form)
        player.align()


def _stepper(
    objective: Any, players: Mapping[str, Player], device: torch.device, precision: str
) -> Stepper:
    """A stepper of copies, which run without wrapped or compiled calls."""
    twin = copy.deepcopy(objective)
    for module in twin.players.values():
        for part in module.modules():
            part.__dict__.pop("forward", None)
            part._compiled_call_impl = None
    own = {
        name: Player(name, twin.players[name], player.spec, clip=player.clip)
        for name, player in players.items()
    }
    return Stepper(twin, own, MetricLogger(), device, precision, Timer(device))


def _timed(
    steppers: Mapping[Choice, Stepper], group: Sequence[Any], device: torch.device
) -> dict[Choice, float]:
    """The median time of each candidate's step, taken in turn."""
    found: dict[Choice, list[float]] = {choice: [] for choice in steppers}
    for (layout, _), stepper in steppers.items():
        lay_out(stepper.players, layout)
    end, number = time.perf_counter() + SECONDS, 0
    while number < 3 or time.perf_counter() < end:
        number += 1
        for choice, stepper in steppers.items():
            torch.set_num_threads(choice[1])
            _wait(device)
            began = time.perf_counter()
            stepper.step(number, group)
            _wait(device)
            if number > 1:  # the first allocates, and picks kernels
                found[choice].append(time.perf_counter() - began)
            stepper.logger.clear()
    return {choice: statistics.median(times) for choice, times in found.items()}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def contiguous(modules: Iterable[nn.Module], /) -> list[nn.Parameter]:
    """The filters in contiguous memory format."""
    weights = (weight for module in modules for weight in module.parameters())
    return [weight for weight in weights if weight.ndim == 4 and weight.is_contiguous()]


def plain(weights: Iterable[nn.Parameter], /) -> None:
    """Set filters back to contiguous memory format, at the end of a run."""
    for weight in weights:
        weight.data = weight.data.contiguous()
