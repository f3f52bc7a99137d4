"""What multiplies large matrices while a run trains: found once, and kept with the run."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, runtime_checkable

import torch

from cartograd.core import onednn_linear
from cartograd.core.onednn_linear import OnednnLinear
from cartograd.engine.loop.config import RunConfig
from cartograd.engine.loop.run_state import RunState
from cartograd.engine.optim.player import Player


@runtime_checkable
class Run(Protocol):
    """The parts of a run that are looked at."""

    players: dict[str, Player]
    device: torch.device
    config: RunConfig
    run_state: RunState


def products(run: Run, /) -> AbstractContextManager[object]:
    """Large linear layers by the faster library, or by the one with which the run began.

    A run that goes on takes over what its checkpoint says: the two round differently, and near
    the bound another measurement may choose the other one.
    """
    kept = run.run_state.circumstances
    taken = None if kept is None else kept.onednn
    if taken is None:
        plain = run.device.type == "cpu" and not run.config.compile
        large = plain and onednn_linear.large(*(one.module for one in run.players.values()))
        taken = large and onednn_linear.learns_faster(torch.get_num_threads())
    if kept is not None:
        kept.onednn = taken
    return OnednnLinear(learns=True) if taken and onednn_linear.exact() else nullcontext()
