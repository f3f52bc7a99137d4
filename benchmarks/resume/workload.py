"""The run that is killed: a small network on 64 examples, 3 epochs of 8 steps."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

EXAMPLES, FEATURES, WIDTH, CLASSES = 64, 16, 32, 4
BATCH, EPOCHS = 8, 3
STEPS = EXAMPLES // BATCH * EPOCHS
LR, SEED = 1e-2, 0


@dataclass(frozen=True)
class Scenario:
    """What is random in a run, and when it is saved and killed.

    Attributes:
        dropout: whether the network drops units.
        augment: whether the data set adds noise to an example each time it is read.
        workers: processes that read the data.
        save_every: steps between checkpoints.
        kill_at: the step in whose forward pass the process gets SIGKILL.
    """

    dropout: bool = False
    augment: bool = False
    workers: int = 0
    save_every: int = 5
    kill_at: int = 12


class Examples(Dataset[tuple[Any, Any]]):
    """Shuffled by the loader; noisy where the scenario says so."""

    def __init__(self, scenario: Scenario) -> None:
        generator = torch.Generator().manual_seed(7)
        self.x = torch.randn(EXAMPLES, FEATURES, generator=generator)
        self.y = torch.randint(0, CLASSES, (EXAMPLES,), generator=generator)
        self.augment = scenario.augment

    def __len__(self) -> int:
        return EXAMPLES

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        noise = 0.1 * torch.randn(FEATURES) if self.augment else 0.0
        return self.x[index] + noise, self.y[index]


class Network(nn.Sequential):
    """Kills its process in the forward pass of one step, if it is told to."""

    def __init__(self, scenario: Scenario, *, killed: bool) -> None:
        torch.manual_seed(3)
        drop = nn.Dropout(0.2 if scenario.dropout else 0.0)
        super().__init__(nn.Linear(FEATURES, WIDTH), nn.ReLU(), drop, nn.Linear(WIDTH, CLASSES))
        self.steps = 0
        self.last = scenario.kill_at if killed else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.steps += 1
        if self.steps == self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(x)


def optimizer(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(network.parameters(), lr=LR)


def schedule(chosen: torch.optim.Optimizer) -> Any:
    return torch.optim.lr_scheduler.CosineAnnealingLR(chosen, STEPS)


@dataclass(frozen=True)
class Task:
    """One process's work: train to the end, be killed on the way, or go on after that."""

    scenario: Scenario
    folder: Path
    killed: bool = False
    resume: bool = False

    def network(self) -> Network:
        return Network(self.scenario, killed=self.killed)
