"""Settings that a run chooses at its first batch: precision, memory format, threads."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch

from cartograd.engine.checkpoint.manager import CheckpointManager
from cartograd.engine.distributed.process_group import ProcessGroup
from cartograd.engine.logging import run_folder
from cartograd.engine.loop import candidates
from cartograd.engine.loop import precision as precisions
from cartograd.engine.loop.config import OPEN, RunConfig
from cartograd.engine.loop.rehearsal import Operations
from cartograd.engine.optim.player import Player


@runtime_checkable
class Run(Protocol):
    """The parts of a run that are read here."""

    config: RunConfig
    objective: Any
    players: dict[str, Player]
    device: torch.device
    processes: ProcessGroup
    manager: CheckpointManager | None
    operations: Operations


def settle(run: Run, group: Sequence[Any], /) -> None:
    """Choose what is open from the first batches, apply it, and record it in the run folder."""
    chosen: dict[str, Any] = {}
    config, players, device = run.config, run.players, run.device
    if config.precision == OPEN:
        counted = run.operations.forward
        found = precisions.chosen(run.objective, group[0], device, counted=counted)
        chosen["precision"] = config.precision = run.processes.lead_says(found)
    if config.threads == OPEN:
        config.layout, config.threads = candidates.tuned(
            run.objective, players, group, device, config.precision
        )
        chosen |= {"layout": config.layout, "threads": config.threads}
    elif config.layout == OPEN:  # pieces of weights, and what is sent, stay as they lie
        alone = run.processes.size == 1
        found = candidates.usual_layout(players, device, config.precision) if alone else None
        config.layout = found
        chosen |= {} if found is None else {"layout": found}
    apply(config, players)
    if chosen and run.manager is not None and run.processes.lead:
        run_folder.write_chosen(run.manager.folder.path, chosen)


def apply(config: RunConfig, players: Mapping[str, Player], /) -> None:
    """Set the memory format and the number of threads; `run_context` restores both."""
    if isinstance(config.threads, int):
        torch.set_num_threads(config.threads)
    if config.layout == "channels_last":
        candidates.lay_out(players, config.layout)
