"""What a run chooses for itself at its first batch: precision, layout, threads."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from cartograd.engine import precision as precisions
from cartograd.engine import runs, tune
from cartograd.engine.config import OPEN, RunConfig
from cartograd.engine.distributed.team import Crew
from cartograd.engine.player import Player


def settle(
    config: RunConfig,
    objective: Any,
    players: Mapping[str, Player],
    group: Sequence[Any],
    device: torch.device,
    folder: Path | None,
    /,
    *,
    team: Crew,
) -> None:
    """Choose what is open, from the first batches; put it into effect and into the folder."""
    chosen: dict[str, Any] = {}
    if config.precision == OPEN:
        config.precision = team.lead_says(precisions.chosen(objective, group[0], device))
        chosen["precision"] = config.precision
    if config.layout == OPEN or config.threads == OPEN:
        config.layout, config.threads = tune.tuned(
            objective, players, group, device, config.precision
        )
        chosen |= {"layout": config.layout, "threads": config.threads}
    if not chosen:
        return
    apply(config, players)
    if folder is not None and team.lead:
        runs.write_chosen(folder, chosen)


def apply(config: RunConfig, players: Mapping[str, Player], /) -> None:
    """Put layout and threads into effect; the surroundings of the run put them back."""
    if isinstance(config.threads, int):
        torch.set_num_threads(config.threads)
    if config.layout == "channels_last":
        tune.lay_out(players, config.layout)
