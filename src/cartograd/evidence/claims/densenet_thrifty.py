"""ResNets and DenseNets of several sizes: accuracy against parameters."""

import math
from itertools import pairwise

import torch

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import accuracy, dataset, few, train

CLAIM = Claim(
    id="densenet-thrifty",
    place="arch/densenet",
    en="DenseNet needs fewer parameters at equal accuracy",
    zh="DenseNet 参数效率高",
    hypothesis="The CIFAR forms of ResNet (depth 8, 3 to 12 channels wide) and DenseNet-BC (depth "
    "16, growth 4 to 16) learn 600 digits for 12 epochs of AdamW at 0.003. Between the sizes that "
    "both families have, DenseNet's share of right answers on the test images is higher at equal "
    "numbers of parameters, on average over their logarithm.",
    rule=("mean DenseNet - ResNet > 0",),
    seeds=3,
    remark="Small networks on small images: the paper's comparison is of networks a hundred times "
    "as large, after 300 epochs. At equal parameters DenseNet does more work. A first look at "
    "8 epochs stopped the smallest DenseNet half-way.",
    draw=("ResNet", "DenseNet"),
    axes=("parameters", "test accuracy"),
    scale="x",
)
FAMILIES = {
    "ResNet": [f"resnet:depth=8,width={width}" for width in (3, 5, 8, 12)],
    "DenseNet": [f"densenet:depth=16,growth_rate={growth}" for growth in (4, 7, 11, 16)],
}


def measure(seed: int, /) -> Measured:
    """Both fronts, and the mean distance between them."""
    data = dataset("digits")
    split = few(data.train, 600, seed=seed)
    fronts = {}
    for family, specs in FAMILIES.items():
        sizes, scores = [], []
        for spec in specs:
            torch.manual_seed(seed)
            model = build(spec, signature=data.signature)
            sizes.append(float(sum(weight.numel() for weight in model.parameters())))
            train(model, split, seed=seed, epochs=12, optimizer="adamw:lr=3e-3")
            scores.append(accuracy(model, data.test))
        fronts[family] = Curve(sizes, scores)
    low = max(front.x[0] for front in fronts.values())
    high = min(front.x[-1] for front in fronts.values())
    places = [low * (high / low) ** (step / 20) for step in range(21)]
    gaps = [_at(fronts["DenseNet"], place) - _at(fronts["ResNet"], place) for place in places]
    return fronts | {"DenseNet - ResNet": sum(gaps) / len(gaps)}


def _at(front: Curve, size: float) -> float:
    """A front's height between its points, straight over the logarithm of the size."""
    points = list(zip(front.x, front.y, strict=True))
    for (x, y), (x_next, y_next) in pairwise(points):
        if size <= x_next * (1 + 1e-9):
            share = math.log(size / x) / math.log(x_next / x)
            return y + share * (y_next - y)
    raise AssertionError(size)
