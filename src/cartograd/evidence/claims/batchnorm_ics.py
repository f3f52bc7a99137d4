"""How far the inputs of layers drift with batch normalisation, with noise behind it, and not."""

from functools import cache

import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.engine.loop.fit import fit
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.drifts import Noise, Watched
from cartograd.evidence.lab import dataset, few
from cartograd.evidence.rates import Best, best_rate
from cartograd.foundations.initialization.initialise import initialise

CLAIM = Claim(
    id="batchnorm-ics",
    place="norm/batch",
    en="BatchNorm works by reducing internal covariate shift",
    zh="缓解内部协变量偏移",
    hypothesis="Ten layers of 64 ReLU units, from He's start, learn 640 digits for 10 epochs by "
    "plain descent: without normalisation, with it, and with it and a shift and scale that are "
    "drawn anew for each unit at each step (after Santurkar et al., 2018); each at the rate of "
    "least loss over three seeds that are not counted, on a grid that goes on where the best is "
    "at its edge. Drift is how much mean and spread of a unit's input change in a step, in its "
    "spreads. If normalisation works by less drift, then there is less with it, and giving it "
    "back by noise makes the network train no better than the plain one.",
    rule=("ratio drift BN / plain < 1", "mean loss noisy - plain > 0"),
    requires=("every best rates inside >= 1", "ratio drift noisy / plain > 1"),
    decide="majority",
    seeds=10,
    first=100,
    remark="Less drift comes by construction: the layer sets the two moments that are measured. "
    "Noise behind it makes the drift three times that of the plain network, and with it the "
    "network still trains better than the plain one, with the noise in its own loss. Santurkar et "
    "al. saw the same, and put the gain down to a smoother loss.",
    draw=("plain", "batch-norm", "batch-norm and noise"),
    axes=("epoch", "training loss"),
    scale="y",
)
ARMS = ("plain", "batch-norm", "batch-norm and noise")
RATES, TUNING = tuple(10 ** (k / 2) for k in (-3, -2, -1)), (9000, 9001, 9002)


def measure(seed: int, /) -> Measured:
    """Drifts and losses of each arm at its best rate."""
    runs = {arm: _trained(arm, _best(arm).rate, seed) for arm in ARMS}
    (_, plain), (_, normed), (_, noisy) = runs.values()
    return {
        "drift BN / plain": normed / plain,
        "drift noisy / plain": noisy / plain,
        "loss noisy - plain": runs[ARMS[2]][0][-1] - runs[ARMS[0]][0][-1],
        "best rates inside": float(all(_best(arm).inside for arm in ARMS)),
        **{f"rate {arm}": _best(arm).rate for arm in ARMS},
        **{arm: Curve([*map(float, range(1, 11))], losses) for arm, (losses, _) in runs.items()},
    }


@cache
def _best(arm: str) -> Best:
    return best_rate(lambda rate: sum(_trained(arm, rate, s)[0][-1] for s in TUNING), RATES)


def _trained(arm: str, rate: float, seed: int) -> tuple[list[float], float]:
    split = few(dataset("digits").train, 640, seed=seed)
    torch.manual_seed(seed)
    layers: list[nn.Module] = [nn.Flatten()]
    for _ in range(10):
        rest = [build("batch-norm", channels=64), Noise()][: ARMS.index(arm)]
        layers += [nn.Linear(64, 64), *rest, nn.ReLU()]
    initialise(model := nn.Sequential(*layers, nn.Linear(64, 10)), "kaiming")
    task = Watched(model=model, probe=split.inputs[:128])
    try:
        run = fit(task, split.batches(), optimizer=f"sgd:lr={rate}", epochs=10, seed=seed)
    except UsageError:
        return [9.0] * 10, 9.0
    return [one["train/loss"] for one in run.history], sum(task.drifts) / len(task.drifts)
