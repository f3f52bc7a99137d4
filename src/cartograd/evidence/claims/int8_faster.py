"""A ResNet in eight bits beside itself in float32: bytes, processor time, accuracy."""

import torch
from torch import nn

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import accuracy, dataset, few, train
from cartograd.evidence.turns import least_seconds

CLAIM = Claim(
    id="int8-faster",
    place="compress/quantize-ptq",
    en="INT8 is smaller and faster",
    zh="量化减少内存并加速",
    hypothesis="A ResNet-18 of width 32 learns 1,500 pictures of Fashion-MNIST for 2 epochs, and "
    "quantize-static rounds it to eight bits on 256 of these. Its tensors take less than 0.3 of "
    "the bytes, it loses less than a point of accuracy on 2,000 test pictures, and takes less "
    "processor time than in float32, for 64 pictures at once and for one; the least of calls in "
    "turns, one thread, the ratio being that of this machine.",
    rule=(
        "every size < 0.3",
        "mean accuracy lost < 0.01",
        "ratio time of 64 < 1",
        "ratio time of one < 1",
    ),
    decide="each",
    seeds=3,
    data="fashion-mnist",
    draw=("time of 64", "time of one"),
    axes=("processor time in eight bits over that in float32", ""),
)
TURNS = {1: 40, 64: 8}
"""How often each batch is asked, by its size."""


def measure(seed: int, /) -> Measured:
    """What eight bits take, as shares of what float32 takes, and what they lose."""
    data = dataset("fashion-mnist")
    split, test = few(data.train, 1500, seed=seed), few(data.test, 2000, seed=seed)
    torch.manual_seed(seed)
    model = build("resnet18:width=32", signature=data.signature)
    train(model, split, seed=seed, epochs=2)
    model.eval()
    compress = build("quantize-static:examples=256", kind="compressor")
    small = compress(model, split.batches(batch_size=64)).eval()
    before, after = accuracy(model, test), accuracy(small, test)
    times = {n: least_seconds([model, small], test.inputs[:n], turns) for n, turns in TURNS.items()}
    return {
        "size": _bytes(small) / _bytes(model),
        "accuracy": before,
        "accuracy lost": before - after,
        "time of 64": times[64][1] / times[64][0],
        "time of one": times[1][1] / times[1][0],
        "milliseconds of one in float32": 1e3 * times[1][0],
    }


def _bytes(model: nn.Module) -> float:
    return float(sum(one.numel() * one.element_size() for one in model.state_dict().values()))
