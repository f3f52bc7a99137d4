"""Small and large batches over as many epochs, and over as many steps."""

from functools import cache

import torch
from torch import nn

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import Data, accuracy, dataset, loss, train
from cartograd.evidence.rates import Best, best_rate

CLAIM = Claim(
    id="large-batch-generalises-worse",
    place="train/batch-size",
    en="Large batches can generalise worse",
    zh="大批量可能影响泛化",
    hypothesis="An MLP learns 1264 digits in batches of 16 for 10 epochs (790 steps), in batches "
    "of 512 for 10 epochs (30 steps), and in batches of 512 for 790 steps; each at the rate "
    "whose mean validation accuracy over three other seeds is best, on a grid from 0.01 to 1 that "
    "goes on where the best is at its edge. Test accuracy is lower with the large ones, in both "
    "comparisons.",
    rule=("mean small - large at equal epochs > 0", "mean small - large at equal steps > 0"),
    requires=("every best rates inside >= 1",),
    decide="each",
    seeds=20,
    first=100,
    remark="Over equal epochs large batches take fewer steps and are not trained as far; over "
    "equal steps they make 26 times as many passes. Either speaks of its budget, not of large "
    "batches whose training is stopped in time.",
    axes=("test accuracy of small less that of large batches", ""),
)
ARMS = {"small": (16, 10), "large at equal epochs": (512, 10), "large at equal steps": (512, 263)}
"""Batch size and epochs."""
RATES = tuple(10 ** (k / 2) for k in range(-4, 1))
TUNING = (9000, 9001, 9002)


def measure(seed: int, /) -> Measured:
    """Test accuracy and losses of each, and the differences."""
    data, found = dataset("digits"), {}
    best = {name: _best(name) for name in ARMS}
    found["best rates inside"] = float(all(one.inside for one in best.values()))
    for name, (batch_size, epochs) in ARMS.items():
        model = trained(data, batch_size, epochs, best[name].rate, seed)
        found[f"rate, {name}"] = best[name].rate
        found[name] = accuracy(model, data.test)
        found[f"test loss {name}"] = loss(model, data.test)
        found[f"training loss {name}"] = loss(model, data.train)
    for name in list(ARMS)[1:]:
        found[f"small - {name}"] = found["small"] - found[name]
    return found


@cache
def _best(name: str) -> Best:
    data = dataset("digits")

    def wrong(rate: float) -> float:
        models = [trained(data, *ARMS[name], rate, seed) for seed in TUNING]
        return -sum(accuracy(model, data.valid) for model in models)

    return best_rate(wrong, RATES)


def trained(data: Data, batch_size: int, epochs: int, rate: float, seed: int, /) -> nn.Module:
    """The network after its budget."""
    torch.manual_seed(seed)
    model = build("mlp", features=64, classes=10, widths=(64,))
    settings = {"optimizer": f"momentum:lr={rate}", "batch_size": batch_size}
    train(model, data.train, seed=seed, epochs=epochs, **settings)
    return model
