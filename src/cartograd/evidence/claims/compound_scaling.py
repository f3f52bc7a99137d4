"""Four times the work by depth, by width, by resolution, or by all three."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import nn

from cartograd.core.build import build
from cartograd.data.dataset.dataset import Split
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import accuracy, dataset, few, train
from cartograd.evidence.rates import Best, best_rate

CLAIM = Claim(
    id="compound-scaling",
    place="arch/efficientnet",
    en="Scaling depth, width and resolution together beats any alone",
    zh="复合缩放优于单维缩放",
    hypothesis="A ResNet of depth 8 and width 6 on Fashion-MNIST at 14 pixels is given about four "
    "times the multiply-adds: by depth alone (20), by width alone (12), by resolution alone (28 "
    "pixels), or by all together (depth 14, width 7, 16 pixels). Each learns from 1500 images for "
    "8 epochs in batches of 32, by AdamW at the rate of greatest accuracy on 1000 validation "
    "images by a seed that is not counted, on a grid that goes on where the best is at its edge. "
    "The last is best on 2000 test images. The work of the four is within a fifth.",
    rule=(
        "mean together - depth > 0",
        "mean together - width > 0",
        "mean together - resolution > 0",
    ),
    requires=("every best rates inside >= 1", "every work, most / least < 1.2"),
    seeds=6,
    first=100,
    data="fashion-mnist",
    remark="A network this small is far from where the paper's rule was fitted.",
    draw=("base", "depth", "width", "resolution", "together"),
    axes=("test accuracy", ""),
)
RATES, TUNING = tuple(10 ** (k / 2) for k in (-6, -5, -4)), 9000
ARMS = {
    "base": (8, 6, 14),
    "depth": (20, 6, 14),
    "width": (8, 12, 14),
    "resolution": (8, 6, 28),
    "together": (14, 7, 16),
}
"""Depth, width and pixels."""


def measure(seed: int, /) -> Measured:
    """Test accuracies, and the work of each arm in units of the base's."""
    tested = few(dataset("fashion-mnist").test, 2000, seed=seed)
    found, work = {}, {name: _work(name) / _work("base") for name in ARMS}
    for name in ARMS:
        found[name] = _right(name, _best(name).rate, seed, tested)
        found |= {f"work of {name}": work[name], f"rate of {name}": _best(name).rate}
    grown = [work[name] for name in ARMS if name != "base"]
    found["work, most / least"] = max(grown) / min(grown)
    found["best rates inside"] = float(all(_best(name).inside for name in ARMS))
    others = ("depth", "width", "resolution")
    return found | {f"together - {one}": found["together"] - found[one] for one in others}


@cache
def _best(name: str) -> Best:
    held = few(dataset("fashion-mnist").valid, 1000, seed=TUNING)
    return best_rate(lambda rate: -_right(name, rate, TUNING, held), RATES)


def _right(name: str, rate: float, seed: int, held: Split) -> float:
    torch.manual_seed(seed)
    model, size = _network(name), ARMS[name][2]
    learned = _resized(few(dataset("fashion-mnist").train, 1500, seed=seed), size)
    how = {"epochs": 8, "optimizer": f"adamw:lr={rate}", "batch_size": 32}
    train(model, learned, seed=seed, **how)
    return accuracy(model, _resized(held, size))


def _network(name: str) -> nn.Module:
    depth, width, size = ARMS[name]
    return build("resnet", depth=depth, width=width, channels=1, size=size, classes=10)


def _resized(split: Split, size: int) -> Split:
    """Standardised images of another size, each pixel the mean of what it covers."""
    images = (split.inputs - 0.286) / 0.353
    smaller = F.interpolate(images, size=(size, size), mode="bilinear", antialias=True)
    return Split(smaller, split.targets, split.signature, [])


def _work(name: str) -> float:
    """Multiply-adds for an image."""
    from torch.utils.flop_counter import FlopCounterMode

    size = ARMS[name][2]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        _network(name).eval()(torch.zeros(1, 1, size, size))
    return counter.get_total_flops() / 2
