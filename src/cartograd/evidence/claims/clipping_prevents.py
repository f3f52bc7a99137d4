"""A recurrent network at a rate that is too high for it, with clipping and without."""

import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import dataset, few, train

CLAIM = Claim(
    id="clipping-prevents",
    place="challenge/vanishing-exploding",
    en="Clipping stops exploding gradients",
    zh="梯度裁剪防爆炸",
    hypothesis="A recurrent network of 32 ReLU units reads digits row by row at the lowest of the "
    "rates 0.01, 0.03, 0.1, ... at which most of five other seeds diverge: the loss is not "
    "finite, or after 10 epochs no better than chance, log 10. The share of 20 seeds that diverge "
    "falls when the gradient's norm is clipped to 1, and falls to none.",
    rule=("mean fewer diverged > 0", "every diverged with clipping <= 0"),
    seeds=20,
    draw=("loss with clipping", "loss without clipping"),
    axes=("training loss of the last epoch; 10 where it is not finite", ""),
)
RATE = 1.0
CHANCE = 2.302585
WORST = 10.0
"""Stands for a loss that is not finite."""


class Reader(nn.Module):
    """A recurrent network over the rows of an image."""

    def __init__(self, width: int = 32):
        super().__init__()
        self.cell = nn.RNN(8, width, nonlinearity="relu", batch_first=True)
        self.head = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits from the state after the last row."""
        return self.head(self.cell(x[:, 0])[0][:, -1])


def measure(seed: int, /) -> Measured:
    """The loss at the end, and whether it diverged."""
    found: dict[str, float] = {}
    for name, clip in (("with", 1.0), ("without", None)):
        loss = trained(RATE, clip, seed)
        found[f"loss {name} clipping"] = loss
        found[f"diverged {name} clipping"] = float(loss >= CHANCE)
    fewer = found["diverged without clipping"] - found["diverged with clipping"]
    return found | {"fewer diverged": fewer}


def trained(rate: float, clip: float | None, seed: int, /) -> float:
    """The training loss of the last epoch."""
    torch.manual_seed(seed)
    model, split = Reader(), few(dataset("digits").train, 640, seed=seed)
    settings = {"optimizer": f"sgd:lr={rate}", "clip": clip}
    try:
        run = train(model, split, seed=seed, epochs=10, batch_size=32, **settings)
    except UsageError:
        return WORST
    return min(run.history[-1]["train/loss"], WORST)
