"""A post-LN Transformer at a high rate, with warm-up and without."""

import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset, few, train

CLAIM = Claim(
    id="warmup-stabilises",
    place="schedule/warmup",
    en="Warmup prevents early divergence",
    zh="Warmup 稳定初期训练",
    hypothesis="A Transformer of 6 layers, normalised after each sum, reads digits row by row "
    "under Adam, at the lowest of the rates 0.001, 0.003, 0.01, ... at which most of five other "
    "seeds without warm-up are no better than chance (log 10, less a tenth) after 10 epochs. Of "
    "eight seeds most diverge so without warm-up, fewer than half with a linear rise over the "
    "first 3 epochs, and the loss at the end is lower with it.",
    rule=(
        "mean loss with - without < 0",
        "share diverged without > 0.5",
        "share diverged with < 0.5",
    ),
    seeds=8,
    draw=("with warm-up", "without"),
    axes=("epoch", "training loss"),
)
RATE = 0.01
CHANCE = 2.302585 - 0.1


class Rows(nn.Module):
    """A Transformer's encoder over the rows of an image."""

    def __init__(self, width: int = 32, depth: int = 6):
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.places = nn.Parameter(torch.randn(8, width) / 10)
        layers = [
            nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True)
            for _ in range(depth)
        ]
        self.layers, self.head = nn.Sequential(*layers), nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        return self.head(self.layers(self.embed(x[:, 0]) + self.places).mean(1))


def measure(seed: int, /) -> Measured:
    """Losses at the end, and whether they are those of chance."""
    found: dict[str, float | Curve] = {}
    arms = {"with": "constant:warmup=0.3", "without": "constant"}
    losses = {name: trained(RATE, arm, seed) for name, arm in arms.items()}
    for name, each in losses.items():
        found[f"loss {name}"] = each[-1]
        found[f"diverged {name}"] = float(not each[-1] < CHANCE)
        found[f"{name} warm-up" if name == "with" else name] = Curve(
            [*map(float, range(1, 11))], each
        )
    return found | {"loss with - without": losses["with"][-1] - losses["without"][-1]}


def trained(rate: float, schedule: str, seed: int, /) -> list[float]:
    """The training loss of each epoch; 10 where it is not finite."""
    torch.manual_seed(seed)
    model, split = Rows(), few(dataset("digits").train, 640, seed=seed)
    settings = {"optimizer": f"adam:lr={rate}", "schedules": schedule}
    try:
        run = train(model, split, seed=seed, epochs=10, batch_size=32, **settings)
    except UsageError:
        return [10.0] * 10
    return [record["train/loss"] for record in run.history]
