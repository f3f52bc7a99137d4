"""Gradients of weights behind outputs that are all positive, and how long their path is."""

from functools import cache

import torch
from torch import Tensor, nn

from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import dataset, few
from cartograd.evidence.rates import Best, best_rate
from cartograd.foundations.initialization.initialise import initialise
from cartograd.training.losses.cross_entropy import cross_entropy

CLAIM = Claim(
    id="sigmoid-zigzag",
    place="activation/sigmoid",
    en="All-positive inputs make updates zigzag",
    zh="非零中心输出导致 zig-zag",
    hypothesis="MLPs of two layers of 64 units learn 1000 digits in batches of 32 by plain "
    "descent, with sigmoid, with sigmoid less a half (the same slope, but centred), and with "
    "tanh, from Xavier's start, until the loss over all is below 0.2. Behind activations, the "
    "share of weight rows whose gradient has one sign in all its components is larger with "
    "sigmoid than with tanh, and so is the length of the weights' path for each nat that the loss "
    "has fallen; centring closes at least half of either gap. Each at the rate of fewest steps by "
    "a seed that is not counted, on a grid that goes on where the best is at its edge.",
    rule=(
        "mean one sign, sigmoid - tanh > 0",
        "mean path, sigmoid - tanh > 0",
        "mean one sign, closed - half > 0",
        "mean path, closed - half > 0",
    ),
    requires=("every best rates inside >= 1", "every all arrived >= 1"),
    seeds=10,
    remark="Centring ends rows of one sign; its paths are still several times as long as tanh's.",
    draw=("path, sigmoid", "path, centred", "path, tanh"),
)
MOST, TARGET, TUNING = 1500, 0.2, 9000
RATES = {"sigmoid": (-1, 0, 1), "centred": (-1, 0, 1), "tanh": (-2, -1, 0)}


class Centred(nn.Module):
    """Sigmoid less a half."""

    def forward(self, x: Tensor) -> Tensor:
        """Between -1/2 and 1/2."""
        return x.sigmoid() - 0.5


KINDS = {"sigmoid": nn.Sigmoid, "centred": Centred, "tanh": nn.Tanh}


def measure(seed: int, /) -> Measured:
    """Shares of rows and lengths of paths, and what centring closes of their gaps."""
    found, arrived = {}, True
    for name in KINDS:
        steps, signs, path = _descent(name, _best(name).rate, seed)
        found |= {f"one sign, {name}": signs, f"path, {name}": path, f"steps, {name}": steps}
        found[f"rate, {name}"] = _best(name).rate
        arrived = arrived and steps < MOST
    for what in ("one sign", "path"):
        gap = found[f"{what}, sigmoid"] - found[f"{what}, tanh"]
        closed = found[f"{what}, sigmoid"] - found[f"{what}, centred"]
        found |= {f"{what}, sigmoid - tanh": gap, f"{what}, closed - half": closed - gap / 2}
    found["best rates inside"] = float(all(_best(name).inside for name in KINDS))
    return found | {"all arrived": float(arrived)}


@cache
def _best(name: str) -> Best:
    grid = [10 ** (k / 2) for k in RATES[name]]
    return best_rate(lambda rate: float(_descent(name, rate, TUNING)[0]), grid)


def _descent(name: str, rate: float, seed: int) -> tuple[int, float, float]:
    """Steps to the target, the share of rows of one sign, and the path for each nat."""
    split, kind = few(dataset("digits").train, 1000, seed=seed), KINDS[name]
    x, y = split.inputs.flatten(1) * 2 - 1, split.targets
    torch.manual_seed(seed)
    parts = nn.Linear(64, 64), kind(), nn.Linear(64, 64), kind(), nn.Linear(64, 10)
    model, weights = nn.Sequential(*parts), [parts[2].weight, parts[4].weight]
    initialise(model, "xavier")
    descent, signs, path = torch.optim.SGD(model.parameters(), lr=rate), [], 0.0
    start = last = cross_entropy(model(x), y).mean().item()
    while last > TARGET and len(signs) < MOST:  # a loss that is no number ends it too
        rows = torch.randint(len(x), (32,))
        model.zero_grad()
        cross_entropy(model(x[rows]), y[rows]).mean().backward()
        signs.append(_one_sign(weights))
        path += rate * nn.utils.clip_grad_norm_(model.parameters(), float("inf")).item()
        descent.step()
        with torch.no_grad():
            last = cross_entropy(model(x), y).mean().item()
    steps = len(signs) if last <= TARGET else MOST
    return steps, sum(signs) / len(signs), path / (start - last)


def _one_sign(weights: list[Tensor]) -> float:
    """The share of rows whose gradients are all positive, or all negative."""
    rows = [w.grad.sign().sum(1).abs() == w.shape[1] for w in weights if w.grad is not None]
    return torch.cat(rows).double().mean().item()
