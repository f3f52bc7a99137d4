"""What a run chooses for itself at its first batch: precision, layout, threads."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from cartograd.engine import precision as precisions
from cartograd.engine import runs, tune
from cartograd.engine.distributed.team import Crew
from cartograd.engine.player import Player

OPEN = "auto"
"""The value of what is not chosen yet."""
KEYS = ("precision", "layout", "threads")


def opened(plan: dict[str, Any], before: Mapping[str, Any], /) -> dict[str, Any]:
    """Take over what an earlier part of the run chose; that part's plan, with what we chose since.

    A checkpoint from before the first batch left it open.
    """
    for key in KEYS:
        if plan.get(key) == OPEN and key in before:
            plan[key] = before[key]
    return {**before} | {key: plan.get(key) for key in KEYS if before.get(key) == OPEN}


def settle(
    plan: dict[str, Any],
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
    if plan["precision"] == OPEN:
        chosen["precision"] = team.lead_says(precisions.chosen(objective, group[0], device))
    plan.update(chosen)
    if plan["layout"] == OPEN or plan["threads"] == OPEN:
        layout, threads = tune.tuned(objective, players, group, device, plan["precision"])
        chosen |= {"layout": layout, "threads": threads}
    plan.update(chosen)
    if not chosen:
        return
    apply(plan, players)
    if folder is not None and team.lead:
        runs.write_chosen(folder, chosen)


def apply(plan: Mapping[str, Any], players: Mapping[str, Player], /) -> None:
    """Put layout and threads into effect; the surroundings of the run put them back."""
    if plan["threads"] not in (None, OPEN):
        torch.set_num_threads(plan["threads"])
    if plan["layout"] == "channels_last":
        tune.lay_out(players, plan["layout"])
