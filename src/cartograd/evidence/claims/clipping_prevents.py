"""A recurrent network at a rate that is too high for it, with clipping and without."""

import itertools
from functools import cache

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
    "rates 0.01, 0.03, 0.1, ... at which without clipping most of five seeds that are not counted "
    "diverge: the loss is not finite, or after 10 epochs no better than chance, log 10. The rate "
    "is searched for by code, and more than half of the 20 seeds have to diverge there, too. "
    "Their share falls when the gradient's norm is clipped to 1, and falls to none.",
    rule=("mean fewer diverged > 0", "every diverged with clipping <= 0"),
    requires=("mean diverged without clipping > 0.5",),
    seeds=20,
    first=100,
    remark="What explodes stops: without clipping the loss of 7 of the 20 seeds is not finite, "
    "with it that of none. But at the rate that the search found, 3.2, clipped steps are too long "
    "to learn by as well: 11 seeds end at chance and the others hardly below. At 1.0, which had "
    "been chosen by hand before, none of 20 had ended there with clipping.",
    draw=("loss with clipping", "loss without clipping"),
    axes=("training loss of the last epoch; 10 where it is not finite", ""),
)
LOWEST, TUNING = -4, range(9000, 9005)
"""Halves of powers of ten where the search begins, and its seeds."""
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
        loss = trained(_breaking(), clip, seed)
        found[f"loss {name} clipping"] = loss
        found[f"diverged {name} clipping"] = float(loss >= CHANCE)
    fewer = found["diverged without clipping"] - found["diverged with clipping"]
    return found | {"fewer diverged": fewer, "rate": _breaking()}


@cache
def _breaking() -> float:
    """The lowest rate at which most of the seeds that are not counted diverge."""
    rates = (10 ** (k / 2) for k in itertools.count(LOWEST))
    return next(rate for rate in rates if _diverged(rate) > len(TUNING) / 2)


def _diverged(rate: float) -> int:
    """How many trainings without clipping do."""
    return sum(trained(rate, None, seed) >= CHANCE for seed in TUNING)


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
