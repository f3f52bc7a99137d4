"""How far the inputs of a network's layers drift from step to step, and a noise that adds to it."""

import torch
from torch import nn

from cartograd.training.objectives.classify import Classify


class Noise(nn.Module):
    """A shift by up to 1 and a scale from 1/2 to 2 for each unit, others at each pass."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shifted and scaled."""
        return x * 2 ** (2 * torch.rand(x.shape[1]) - 1) + 2 * torch.rand(x.shape[1]) - 1


class Watched(nn.Module):
    """A classifier that notes after each step how the inputs of its ReLUs are distributed.

    Attributes:
        drifts: for each step and layer the change of a unit's mean and spread since the step
            before, in spreads of then; the median over the units.
    """

    def __init__(self, *, model: nn.Sequential, probe: torch.Tensor):
        super().__init__()
        self.task = Classify(model=model)
        self.losses, self.players = self.task.losses, self.task.players
        self.layers, self.probe = model, probe
        self.drifts, self.before = list[float](), list[tuple[torch.Tensor, torch.Tensor]]()

    @torch.no_grad()
    def after_step(self, _player: str, /) -> None:
        """Mean and spread of each unit, against those of the step before."""
        x, now = self.probe, list[tuple[torch.Tensor, torch.Tensor]]()
        for layer in self.layers:
            if isinstance(layer, nn.ReLU):
                now.append((x.mean(0), x.std(0) + 1e-6))
            x = layer(x)
        for (mean, std), (mean_before, std_before) in zip(now, self.before, strict=False):
            change = (mean - mean_before).abs() + (std - std_before).abs()
            self.drifts.append((change / std_before).median().item())
        self.before = now
