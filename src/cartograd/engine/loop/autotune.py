"""Settings that a run chooses at its first batch: precision, memory format, threads."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from cartograd.engine.distributed.process_group import ProcessGroup
from cartograd.engine.logging import run_folder
from cartograd.engine.loop import candidates
from cartograd.engine.loop import precision as precisions
from cartograd.engine.loop.config import OPEN, RunConfig
from cartograd.engine.optim.player import Player


def settle(
    config: RunConfig,
    objective: Any,
    players: Mapping[str, Player],
    group: Sequence[Any],
    device: torch.device,
    folder: Path | None,
    /,
    *,
    processes: ProcessGroup,
) -> None:
    """Choose what is open from the first batches, apply it, and record it in the run folder."""
    chosen: dict[str, Any] = {}
    if config.precision == OPEN:
        config.precision = processes.lead_says(precisions.chosen(objective, group[0], device))
        chosen["precision"] = config.precision
    if config.layout == OPEN or config.threads == OPEN:
        config.layout, config.threads = candidates.tuned(
            objective, players, group, device, config.precision
        )
        chosen |= {"layout": config.layout, "threads": config.threads}
    if not chosen:
        return
    apply(config, players)
    if folder is not None and processes.lead:
        run_folder.write_chosen(folder, chosen)


def apply(config: RunConfig, players: Mapping[str, Player], /) -> None:
    """Set the memory format and the number of threads; `run_context` restores both."""
    if isinstance(config.threads, int):
        torch.set_num_threads(config.threads)
    if config.layout == "channels_last":
        candidates.lay_out(players, config.layout)
