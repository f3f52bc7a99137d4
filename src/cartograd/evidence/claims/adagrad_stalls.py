"""A target that moves late: which rule can still follow it."""

import math
from functools import cache

import torch

from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.training.optimizers import adagrad, rmsprop

CLAIM = Claim(
    id="adagrad-stalls",
    place="optim/adagrad",
    en="AdaGrad's effective rate decays until it stalls; RMSProp's does not",
    zh="AdaGrad 学习率持续下降",
    hypothesis="Ten weights follow a noisy target that stays for 2000 steps and then moves to "
    "another place. Each rule at the rate, of nine from 0.001 to 10, that had the least mean error "
    "before the move on a seed that is not counted. In the 500 steps after the move the mean "
    "distance is larger with AdaGrad than with RMSProp.",
    rule=("ratio AdaGrad/RMSProp > 1",),
    seeds=10,
    remark="Its effective rate falls as one over the root of the steps, so it does not stop but "
    "crawls; RMSProp's rate stays, and so does its noise around the target.",
    draw=("AdaGrad", "RMSProp"),
    axes=("step", "distance to the target"),
    scale="y",
)
RULES = {"AdaGrad": adagrad.update, "RMSProp": rmsprop.update}
RATES = [10 ** (power / 2) for power in range(-6, 3)]
BEFORE, AFTER, TUNING = 2000, 500, 1000


def measure(seed: int, /) -> Measured:
    """Errors after the move, effective rates, and the distances along the way."""
    found: dict[str, float | Curve] = {}
    error = {}
    for name in RULES:
        distances, rates = _follow(name, _best(name), seed)
        error[name] = math.fsum(distances[BEFORE:]) / AFTER
        found[name] = Curve([float(i) for i in range(len(distances))], distances)
        found[f"{name}: effective rate falls to"] = rates[BEFORE - 1] / rates[0]
        found[f"{name}: error after the move"] = error[name]
        found[f"{name}: rate"] = _best(name)
    return found | {"AdaGrad/RMSProp": error["AdaGrad"] / error["RMSProp"]}


@cache
def _best(name: str) -> float:
    return min(RATES, key=lambda lr: math.fsum(_follow(name, lr, TUNING)[0][:BEFORE]))


def _follow(name: str, lr: float, seed: int) -> tuple[list[float], list[float]]:
    """The distance to the target before each step, and lr over the root of the rule's memory."""
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, 10, generator=generator)
    noise = torch.randn(BEFORE + AFTER, 10, generator=generator)
    weight, memory = torch.zeros(10), {}
    distances, rates = [], []
    for step in range(BEFORE + AFTER):
        target = first if step < BEFORE else second
        distances.append((weight - target).norm().item())
        weight, memory = RULES[name](weight, weight - target + noise[step], memory, lr=lr)
        (square,) = memory.values()
        rates.append(lr / square.mean().sqrt().item())
    return distances, rates
