"""What dropout does to the mean of a layer's answers, divided by the one p and by the other."""

import torch

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import dataset

CLAIM = Claim(
    id="dropout-scaling",
    place="regularize/dropout",
    en="Inverted scaling by the keep probability preserves the expectation",
    zh="训练缩放使期望不变",
    hypothesis="One real image of digits is dropped out 20,000 times at each of p = 0.2, 0.5 and "
    "0.8. The mean over draws of the sum of its pixels is within 4 standard errors of the sum "
    "without dropout if the rest is divided by the share that is kept, 1 - p; if it is divided by "
    "p it is not, unless p is 0.5.",
    rule=("every errors by 1 - p < 4", "every errors by p > 4"),
    remark="The notes write p for both: dropped with probability p, and divided by p. Read so, "
    "the expectation is four times too large at p = 0.2 and a quarter at 0.8; p in "
    "`nn.Dropout(p)` is the share that is dropped. What is kept is the mean of what is dropped "
    "out, and of linear maps of it: behind a ReLU the mean moves, which is what the last figure "
    "shows.",
    draw=("errors by 1 - p", "errors by p", "errors behind a ReLU"),
    axes=("standard errors from the value without dropout", ""),
    scale="x",
)
DRAWS = 20_000


def measure(seed: int, /) -> Measured:
    """How many standard errors the means are away: by 1 - p the worst p, by p the best one."""
    train = dataset("digits").train
    pixels = train.inputs[seed].flatten().double()
    relu, weight = build("relu"), torch.randn(64, dtype=torch.float64) / 8
    weight -= pixels * (weight @ pixels) / pixels.square().sum()  # so that the ReLU is at its bend
    kept, slipped, bent = [], [], []
    for p in (0.2, 0.5, 0.8):
        dropped = build("dropout", dropout=p)(pixels.expand(DRAWS, 64))
        kept.append(_errors(dropped.sum(1), pixels.sum()))
        bent.append(_errors(relu(dropped @ weight), relu(pixels @ weight)))
        if p != 0.5:
            slipped.append(_errors(dropped.sum(1) * (1 - p) / p, pixels.sum()))
    return {
        "errors by 1 - p": max(kept),
        "errors by p": min(slipped),
        "errors behind a ReLU": min(bent),
    }


def _errors(values: torch.Tensor, expected: torch.Tensor) -> float:
    return ((values.mean() - expected).abs() / values.std() * DRAWS**0.5).item()
