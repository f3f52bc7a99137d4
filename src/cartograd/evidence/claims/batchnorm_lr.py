"""The largest rate at which a network trains, with batch normalisation and without."""

import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset, few, train
from cartograd.foundations.initialization.initialise import initialise

CLAIM = Claim(
    id="batchnorm-lr",
    place="norm/batch",
    en="BatchNorm trains at rates where the plain net diverges",
    zh="归一化允许更大学习率",
    hypothesis="Six layers of 64 ReLU units, from He's start, learn 640 digits by plain descent "
    "for 10 epochs, at rates from 1/64 to 64 by factors of 2. A rate is stable if the loss stays "
    "finite and is at the end below half of chance. The largest stable rate is at least three "
    "times as large with batch normalisation before each ReLU as without.",
    rule=("ratio with / without >= 3",),
    draw=("with batch-norm", "without"),
    axes=("rate", "training loss of the last epoch (at most 3)"),
    scale="x",
)
RATES = tuple(2.0**k for k in range(-6, 7))
STABLE, WORST = 2.302585 / 2, 3.0


def measure(seed: int, /) -> Measured:
    """The largest stable rates and their ratio; the loss by rate."""
    found: dict[str, float | Curve] = {}
    largest = {}
    for name, norm in (("with batch-norm", True), ("without", False)):
        losses = [_loss(norm, rate, seed) for rate in RATES]
        stable = [rate for rate, one in zip(RATES, losses, strict=True) if one < STABLE]
        largest[name] = max(stable, default=RATES[0])
        found |= {f"largest {name}": largest[name], name: Curve(list(RATES), losses)}
    return found | {"with / without": largest["with batch-norm"] / largest["without"]}


def _loss(norm: bool, rate: float, seed: int) -> float:
    torch.manual_seed(seed)
    layers: list[nn.Module] = [nn.Flatten()]
    for _ in range(6):
        layers += [nn.Linear(64, 64)]
        layers += [build("batch-norm", channels=64)] if norm else []
        layers += [nn.ReLU()]
    model = initialise(nn.Sequential(*layers, nn.Linear(64, 10)), "kaiming")
    split = few(dataset("digits").train, 640, seed=seed)
    try:
        run = train(model, split, seed=seed, epochs=10, optimizer=f"sgd:lr={rate}")
    except UsageError:
        return WORST
    return min(run.history[-1]["train/loss"], WORST)
