"""The gap between training and test, and the test loss, with more and more dropout."""

import torch

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import accuracy, dataset, few, loss, train

CLAIM = Claim(
    id="dropout-generalises",
    place="regularize/dropout",
    en="Dropout narrows the train-test gap",
    zh="Dropout 防过拟合",
    hypothesis="An MLP of 256 hidden units learns 200 digits for 100 epochs, and one learns 300 "
    "images of Fashion-MNIST for 40, with p = 0, 0.2, 0.5 and 0.7. On both data sets and at each "
    "of the three, the gap, test less training loss in evaluation mode, is smaller than without "
    "dropout, and so is the test loss itself: a gap can narrow because training suffers.",
    rule=(
        "mean gap, digits, 0.2 < 0",
        "mean gap, digits, 0.5 < 0",
        "mean gap, digits, 0.7 < 0",
        "mean gap, clothes, 0.2 < 0",
        "mean gap, clothes, 0.5 < 0",
        "mean gap, clothes, 0.7 < 0",
        "mean test loss, digits, 0.2 < 0",
        "mean test loss, digits, 0.5 < 0",
        "mean test loss, digits, 0.7 < 0",
        "mean test loss, clothes, 0.2 < 0",
        "mean test loss, clothes, 0.5 < 0",
        "mean test loss, clothes, 0.7 < 0",
    ),
    seeds=6,
    first=100,
    data="fashion-mnist",
    remark="The gap narrows everywhere. On clothes the network gains by it; on digits, which it "
    "learns without a mistake and answers nearly as well, strong dropout costs more on the test "
    "images than it saves.",
    draw=("digits: gap", "digits: test loss", "clothes: gap", "clothes: test loss"),
    axes=("p", "cross-entropy"),
)
SHARES = (0.0, 0.2, 0.5, 0.7)
SETS = {"digits": ("digits", 64, 200, 100), "clothes": ("fashion-mnist", 784, 300, 40)}
"""Source, features, training images and epochs."""


def measure(seed: int, /) -> Measured:
    """Changes of gap, test loss and accuracy against no dropout."""
    found: dict[str, float | Curve] = {}
    for name, (source, features, count, epochs) in SETS.items():
        data = dataset(source)
        split, test = few(data.train, count, seed=seed), few(data.test, 1000, seed=0)
        gaps, losses, right = [], [], []
        for p in SHARES:
            torch.manual_seed(seed)
            model = build("mlp", features=features, classes=10, widths=(256,), dropout=p)
            train(model, split, seed=seed, epochs=epochs, batch_size=50)
            losses.append(loss(model, test))
            gaps.append(losses[-1] - loss(model, split))
            right.append(accuracy(model, test))
        for i, p in list(enumerate(SHARES))[1:]:
            found[f"gap, {name}, {p}"] = gaps[i] - gaps[0]
            found[f"test loss, {name}, {p}"] = losses[i] - losses[0]
            found[f"test accuracy, {name}, {p}"] = right[i] - right[0]
        found[f"{name}: gap"] = Curve(list(SHARES), gaps)
        found[f"{name}: test loss"] = Curve(list(SHARES), losses)
    return found
