"""How well networks bear shifts: with pooling, with strides in its place, without convolutions."""

import torch
from torch import nn

from cartograd.data.dataset.dataset import Split
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import accuracy, dataset, few, train

CLAIM = Claim(
    id="cnn-shift",
    place="cnn/pool",
    en="Pooling raises tolerance to shifts",
    zh="池化提高平移不变性",
    hypothesis="Two convolutions of 3x3 with max-pooling after each, or with stride 2 in its "
    "place, and an MLP of 64 units learn 3000 images of Fashion-MNIST for 4 epochs. Test images "
    "are shifted sideways by 0 to 6 pixels. The area under accuracy over shift is larger with "
    "pooling than with strides.",
    rule=("mean pooling - strides > 0",),
    seeds=5,
    data="fashion-mnist",
    remark="Both convolutional networks have the same weights' shapes. That pooling is also better "
    "where nothing is shifted is part of the area; the figure for the fall alone stands beside it.",
    draw=("pooling", "strides", "MLP"),
    axes=("pixels shifted", "test accuracy"),
)
SHIFTS = range(7)


def measure(seed: int, /) -> Measured:
    """Accuracy over shifts, its mean, and how far it falls."""
    data = dataset("fashion-mnist")
    learned, tested = few(data.train, 3000, seed=seed), few(data.test, 2000, seed=seed)
    found: dict[str, float | Curve] = {}
    areas, falls = {}, {}
    for name in CLAIM.draw:
        torch.manual_seed(seed)
        model = _network(name)
        train(model, learned, seed=seed, epochs=4, optimizer="adamw:lr=3e-3")
        scores = [accuracy(model, _shifted(tested, pixels)) for pixels in SHIFTS]
        found[name] = Curve([float(pixels) for pixels in SHIFTS], scores)
        areas[name] = sum(scores) / len(scores)
        falls[name] = scores[0] - areas[name]
        found |= {f"area {name}": areas[name], f"fall {name}": falls[name]}
    found["fall, strides - pooling"] = falls["strides"] - falls["pooling"]
    return found | {"pooling - strides": areas["pooling"] - areas["strides"]}


def _network(name: str) -> nn.Module:
    if name == "MLP":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    stride = 2 if name == "strides" else 1
    pool = nn.MaxPool2d(2) if name == "pooling" else nn.Identity()
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, stride, 1), nn.ReLU(), pool),
        *(nn.Conv2d(8, 16, 3, stride, 1), nn.ReLU(), pool),
        *(nn.Flatten(), nn.Linear(16 * 7 * 7, 10)),
    )


def _shifted(split: Split, pixels: int) -> Split:
    """Images moved to the right, black where they come from."""
    images = split.inputs.roll(pixels, 3)
    images[..., :pixels] = 0
    return Split(images, split.targets, split.signature, [])
