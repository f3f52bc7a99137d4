"""What 1x1 convolutions before large kernels save, and what they cost in accuracy."""

from functools import cache

import torch
from torch import nn
from torch.nn import functional as F

from cartograd.data.dataset.dataset import Split
from cartograd.evidence.bottlenecks import OUT, published, small, small_cost
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import accuracy, dataset, few, loss, train
from cartograd.evidence.rates import Best, best_rate

CLAIM = Claim(
    id="bottleneck-saves",
    place="arch/googlenet",
    en="1x1 bottlenecks save computation at little loss",
    zh="1×1 卷积降维减少计算量",
    hypothesis="GoogLeNet and ResNet-50 with and without the 1x1 convolutions that narrow what "
    "their 3x3 read: at least half of the multiply-adds at 224 x 224 are saved. Two small modules "
    "and two small bottlenecks learn 1500 clothes at 14 x 14 for 4 epochs, with 1x1, without, and "
    "without but so thin that they cost no more; each at the rate of least validation loss by a "
    "seed that is not counted, on a grid that goes on where the best is at its edge. The test "
    "accuracy with 1x1 is less than one point below that without. What the thin ones reach at "
    "equal cost is told beside it.",
    rule=(
        "every saved, GoogLeNet >= 0.5",
        "every saved, ResNet-50 >= 0.5",
        "mean with - without, inception > -0.01",
        "mean with - without, residual > -0.01",
    ),
    requires=("every best rates inside >= 1",),
    seeds=6,
    data="fashion-mnist",
    draw=(
        "with - without, inception",
        "with - without, residual",
        "with - thin, inception",
        "with - thin, residual",
    ),
    axes=("test accuracy with 1x1 convolutions less that without", ""),
)
KINDS, ARMS, TUNING = ("inception", "residual"), ("with", "without", "thin"), 9000
RATES = tuple(10 ** (k / 3) for k in range(-8, -5))


def measure(seed: int, /) -> Measured:
    """Shares of multiply-adds saved, and accuracies of each arm at its best rate."""
    found, inside = dict[str, float](), True
    for name, spec in (("GoogLeNet", "googlenet"), ("ResNet-50", "resnet:depth=50")):
        found[f"saved, {name}"] = 1 - published(spec, narrow=True) / published(spec, narrow=False)
    for kind in KINDS:
        right = {}
        for arm in ARMS:
            best = _best(kind, arm)
            inside = inside and best.inside
            right[arm] = accuracy(_trained(kind, arm, best.rate, seed), _split("test"))
            found |= {f"rate {arm}, {kind}": best.rate, f"accuracy {arm}, {kind}": right[arm]}
        for arm in ARMS[1:]:
            found[f"with - {arm}, {kind}"] = right["with"] - right[arm]
        costs = [small_cost(kind, arm, OUT) for arm in ARMS[:2]]
        found[f"saved, small {kind}"] = 1 - costs[0] / costs[1]
    return found | {"best rates inside": float(inside)}


@cache
def _best(kind: str, arm: str) -> Best:
    return best_rate(lambda rate: loss(_trained(kind, arm, rate, TUNING), _split("valid")), RATES)


def _trained(kind: str, arm: str, rate: float, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model, learned = small(kind, arm), few(_split("train"), 1500, seed=seed)
    train(model, learned, seed=seed, epochs=4, optimizer=f"adamw:lr={rate}")
    return model


@cache
def _split(part: str) -> Split:
    """The clothes at half their size; 2000 for validation."""
    split: Split = getattr(dataset("fashion-mnist"), part)
    split = few(split, 2000, seed=TUNING) if part == "valid" else split
    return Split(F.avg_pool2d(split.inputs, 2), split.targets, split.signature)
