"""What a callback sees of a run: where it is, what is trained, the numbers so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cartograd.engine.optim.player import Player


@dataclass
class View:
    """A run at one moment.

    Attributes:
        model: the player called `model`, or the only one.
        players: what is trained, by name, each with its module and optimizer.
        epochs: how many there will be.
        batches: in an epoch; None where that is not known.
        folder: the run folder, if there is one.
        config: the options that the result depends on.
        rank, size: this process and how many train together.
        records: one per epoch so far; the last is that of the epoch that has just been validated.
        step: steps taken.
        epoch: the epoch under way, from 1.
        batch: batches of it that are done.
        losses: the means since the last point of the curve, by name (`train/loss`); at an epoch's
            end those of the epoch.
        lines: what `metrics.jsonl` gets at this report; `at` says whether one is of a `step` or an
            `epoch`.
        stopped: whether somebody asked for the end of the run.
        ended: how it ended, for `on_close`: `finished`, `interrupted` or `failed`.
    """

    model: nn.Module | None
    players: Mapping[str, Player] = field(repr=False)
    epochs: int = 1
    batches: int | None = None
    folder: Path | None = None
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    rank: int = 0
    size: int = 1
    records: list[dict[str, Any]] = field(default_factory=list)
    step: int = 0
    epoch: int = 1
    batch: int = 0
    losses: Mapping[str, float] = field(default_factory=dict)
    lines: Sequence[Mapping[str, Any]] = ()
    stopped: bool = False
    ended: str = "failed"

    @property
    def is_lead(self) -> bool:
        """Whether this process is the one that writes and prints."""
        return self.rank == 0

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimizers by player."""
        return {name: player.optimizer for name, player in self.players.items()}

    def stop(self) -> None:
        """End the run after this step, in all of its processes.

        The epoch ends here, and is validated and recorded.
        """
        self.stopped = True
