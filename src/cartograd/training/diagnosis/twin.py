"""A copy of an objective, to try things on without changing it."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from cartograd.core.errors import UsageError, unknown
from cartograd.core.learning import check_learns, learning, plain
from cartograd.core.protocols import Batch, Objective
from cartograd.engine.inputs.stream import as_batches, as_tuple, moved
from cartograd.engine.optim.optimizers import for_module


@contextmanager
def twin(objective: Any, /, *, seed: int = 0) -> Iterator[Any]:
    """A deep copy in training mode and without gradients, with torch's random state set aside.

    Raises:
        UsageError: it is no objective or cannot be copied.
    """
    if not isinstance(objective, Objective):
        raise UsageError(
            f"{type(objective).__name__} is no objective: it needs `players` and `losses(batch)`; "
            "cartograd.build('classify', model=model) makes one"
        )
    check_learns(*(one for one in objective.players.values() if isinstance(one, nn.Module)))
    try:
        with torch.inference_mode(False):
            made = copy.deepcopy(objective)
    except (RuntimeError, TypeError) as error:
        raise UsageError(
            f"{type(objective).__name__} cannot be copied, and a diagnosis works on a copy: {error}"
        ) from error
    for module in (made, *made.players.values()):
        if isinstance(module, nn.Module):
            for weight in module.parameters():
                if not weight.is_leaf:  # the copy of a scripted module's hangs on the original
                    weight.detach_().requires_grad_()
            module.train().zero_grad(set_to_none=True)
    device = device_of(made)
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), learning():
        torch.manual_seed(seed)
        yield made


def device_of(objective: Objective, /) -> torch.device:
    """The device of an objective's first parameter."""
    devices = (p.device for player in objective.players.values() for p in player.parameters())
    return next(devices, torch.device("cpu"))


def learned(module: nn.Module, /) -> list[Tensor]:
    """The parameters that training changes; those of a scripted module are plain tensors."""
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def gradients(objective: Objective, batch: Batch, /) -> Iterator[tuple[str, Tensor]]:
    """For each loss of a batch, the player's name and the mean loss, after its backward pass.

    Raises:
        UsageError: the objective names an unknown player, or its loss depends on no parameter.
    """
    for loss in objective.losses(tuple(plain(x) if isinstance(x, Tensor) else x for x in batch)):
        player = objective.players.get(loss.player)
        if player is None:
            raise unknown("player yielded by the objective", loss.player, objective.players)
        player.zero_grad(set_to_none=True)
        value = loss.value.mean()
        if not value.requires_grad:
            raise UsageError(f"the loss of player {loss.player!r} does not depend on a parameter")
        value.backward()
        yield loss.player, value.detach()


def optimizers_of(objective: Objective, spec: str, /) -> dict[str, torch.optim.Optimizer]:
    """An optimizer for each player.

    Raises:
        UsageError: the spec is wrong, or a player has nothing to learn.
    """
    return {name: for_module(spec, module) for name, module in objective.players.items()}


def endless(batches: Any, /, *, seed: int, device: torch.device) -> Iterator[Batch]:
    """The batches of epoch 0, then of epoch 1, and so on.

    Raises:
        UsageError: there are none.
    """
    source, number = as_batches(batches), 0
    while True:
        empty = True
        for batch in moved(iter(source.epoch(number, seed=seed)), device):
            empty = False
            yield as_tuple(batch)
        if empty:
            raise UsageError("there are no batches to look at")
        number += 1
