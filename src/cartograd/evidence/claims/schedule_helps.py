"""A constant rate, steps and a cosine at the same budget, each at its own best rate."""

import math
from functools import cache

import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import Data, accuracy, dataset, loss, train
from cartograd.evidence.rates import Best, best_rate

CLAIM = Claim(
    id="schedule-helps",
    place="schedule/cosine",
    en="Decaying the rate raises final accuracy",
    zh="学习率调度提高最终精度",
    hypothesis="An MLP learns digits for 15 epochs by descent with momentum, with a constant "
    "rate, one that falls to a tenth after 8 and again after 12 epochs, and a cosine; each starts "
    "at the rate of least mean validation loss over three seeds that are not counted, on a grid "
    "that goes on where the best is at its edge. Test accuracy at the end is higher with each of "
    "the two than with the constant rate.",
    rule=("mean cosine - constant > 0", "mean steps - constant > 0"),
    requires=("every best rates inside >= 1",),
    seeds=40,
    first=100,
    remark="Decay also lets the best rate be higher, which is why each has its own: at a rate that "
    "is too high for it, the constant one would lose by more.",
    axes=("gain of test accuracy", ""),
)
ARMS = {
    "constant": "constant",
    "steps": "multistep:milestones=[8,12],gamma=0.1",
    "cosine": "cosine",
}
RATES, TUNING = tuple(10 ** (k / 4) for k in (-5, -4, -3)), (9000, 9001, 9002)


def measure(seed: int, /) -> Measured:
    """Test accuracy and loss of each, and the gains."""
    data, found = dataset("digits"), {}
    for name, schedule in ARMS.items():
        model = trained(data, schedule, _best(schedule).rate, seed)
        found[f"rate {name}"] = _best(schedule).rate
        found[f"accuracy {name}"] = accuracy(model, data.test)
        found[f"loss {name}"] = loss(model, data.test)
    for name in ("cosine", "steps"):
        found[f"{name} - constant"] = found[f"accuracy {name}"] - found["accuracy constant"]
        found[f"loss {name} - constant"] = found[f"loss {name}"] - found["loss constant"]
    return found | {"best rates inside": float(all(_best(one).inside for one in ARMS.values()))}


@cache
def _best(schedule: str) -> Best:
    data = dataset("digits")

    def away(rate: float) -> float:
        try:
            return sum(loss(trained(data, schedule, rate, seed), data.valid) for seed in TUNING)
        except UsageError:  # the loss was no number any more
            return math.inf

    return best_rate(away, RATES)


def trained(data: Data, schedule: str, rate: float, seed: int, /) -> nn.Module:
    """The network after its budget."""
    torch.manual_seed(seed)
    model = build("mlp", features=64, classes=10, widths=(64, 64))
    settings = {"optimizer": f"momentum:lr={rate}", "schedules": schedule}
    train(model, data.train, seed=seed, epochs=15, batch_size=32, **settings)
    return model
