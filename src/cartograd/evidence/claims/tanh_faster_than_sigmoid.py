"""Epochs until the training loss is small, with tanh and with sigmoid, each at its best rate."""

from functools import cache

import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import dataset, train
from cartograd.foundations.initialization.initialise import initialise

CLAIM = Claim(
    id="tanh-faster-than-sigmoid",
    place="activation/tanh",
    en="Zero-centred tanh converges faster than sigmoid",
    zh="Tanh 零中心,收敛快于 Sigmoid",
    hypothesis="MLPs 64-64 on digits by SGD, from the same Xavier weights: sigmoid needs more "
    "epochs than tanh until the training loss of an epoch is below 0.2. Each at the best of the "
    "rates 0.1, 0.3, 1, 3, 10 by a seed that is not among those counted; at most 40 epochs.",
    rule=("mean sigmoid - tanh > 0", "ratio sigmoid/tanh > 1"),
    seeds=10,
    remark="Sigmoid wants ten times the rate, for its slope of 1/4; at equal rates the difference "
    "would be larger. The first grid ended at 3, its best for sigmoid, and was moved "
    "up; nothing changed. That tanh is centred is not told apart here from its being steeper.",
    draw=("sigmoid", "tanh"),
    axes=("epochs to a training loss of 0.2", ""),
)
MOST, RATES, TUNING = 40, (0.1, 0.3, 1.0, 3.0, 10.0), 1000


def measure(seed: int, /) -> Measured:
    """Epochs of either, and how they compare."""
    found = {name: float(_epochs(name, seed, _best(name))) for name in ("sigmoid", "tanh")}
    return found | {
        "sigmoid - tanh": found["sigmoid"] - found["tanh"],
        "sigmoid/tanh": found["sigmoid"] / found["tanh"],
        "rate of sigmoid": _best("sigmoid"),
        "rate of tanh": _best("tanh"),
    }


@cache
def _best(activation: str) -> float:
    return min(RATES, key=lambda rate: _epochs(activation, TUNING, rate))


def _epochs(activation: str, seed: int, rate: float) -> int:
    """Epochs until the loss is reached; one more than the most if it is not."""
    data = dataset("digits")
    torch.manual_seed(seed)
    model = build(f"mlp:widths=[64,64],activation={activation}", signature=data.signature)
    initialise(model, "xavier")
    try:
        run = train(model, data.train, seed=seed, epochs=MOST, optimizer=f"sgd:lr={rate}")
    except UsageError:  # the loss was no number any more
        return MOST + 1
    reached = (one["epoch"] for one in run.history if one["train/loss"] < 0.2)
    return next(reached, MOST + 1)
