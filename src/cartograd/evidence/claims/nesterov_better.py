"""Nesterov's momentum and the standard one on a dozen problems, each at its best rate."""

import math
from functools import cache

from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import loss
from cartograd.evidence.rates import Best, best_rate
from cartograd.evidence.tasks import TASKS, quadratic

CLAIM = Claim(
    id="nesterov-better",
    place="optim/nesterov",
    en="Nesterov is usually better than momentum",
    zh="NAG 通常优于标准动量",
    hypothesis="Twelve problems: quadratics of conditions 30, 1000 and 30,000 (200 steps), and "
    "nine trainings of an MLP, LeNet-5, a GRU and a Transformer on digits, clothes, tumours and "
    "spirals. On each, Nesterov's form and standard momentum (0.9 in both) have the rate of least "
    "training loss by a seed that is not counted, on a grid of steps of 1.8 that goes on where "
    "the best is at its edge. The task is the unit: on more than half of them the mean logarithm "
    "of the training loss at the end is lower with Nesterov's form.",
    rule=("most advantage > 0",),
    requires=("every best rates inside >= 1",),
    seeds=2,
    first=100,
    data="fashion-mnist",
    remark="Twelve tasks can tell 'usually' only if ten of them agree, and ten do. On the steeper "
    "two quadratics standard momentum is ahead: it stays stable at higher rates, which their slow "
    "directions profit from.",
    axes=("log of the training loss with momentum less that with Nesterov", ""),
)
RULES = ("momentum", "nesterov")
RATES = {"quadratic": range(-8, 5), "training": range(-5, -2)}
"""Quarters of powers of ten where the search begins; a step on a quadratic costs nothing."""
TUNING, MOST = 9000, 1e6
PROBLEMS = [name for name in TASKS if name != "Transformer on clothes"]
CONDITIONS = {f"quadratic, {condition:g}": condition for condition in (30.0, 1000.0, 30_000.0)}


def measure(seed: int, /) -> Measured:
    """The advantage of Nesterov's form on each problem, and the rates."""
    found, inside = {}, True
    for name in [*CONDITIONS, *PROBLEMS]:
        logs = {}
        for rule in RULES:
            best = _best(name, rule)
            inside = inside and best.inside
            logs[rule] = math.log(_loss(name, rule, best.rate, seed))
            found[f"rate of {rule}, {name}"] = best.rate
        found[f"advantage: {name}"] = logs["momentum"] - logs["nesterov"]
    return found | {"best rates inside": float(inside)}


@cache
def _best(name: str, rule: str) -> Best:
    begin = RATES["quadratic" if name in CONDITIONS else "training"]
    grid = [10 ** (k / 4) for k in begin]
    return best_rate(lambda rate: _loss(name, rule, rate, TUNING), grid)


def _loss(name: str, rule: str, rate: float, seed: int) -> float:
    """The training loss at the end; a million where the training broke down."""
    spec = f"{rule}:lr={rate}"
    if name in CONDITIONS:
        found = quadratic(CONDITIONS[name], spec, seed)
    else:
        model = TASKS[name].trained(spec, seed)
        found = MOST if model is None else loss(model, TASKS[name].split(seed))
    return min(found, MOST) if math.isfinite(found) else MOST
