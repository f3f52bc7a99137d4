"""Time of one row by its length: through a recurrent layer, and through attention."""

import time

import torch
from torch import nn

from cartograd.architectures.rnn.recurrence import Recurrence
from cartograd.architectures.rnn.vanilla import recurrence
from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.evidence.claim import Claim, Curve, Measured

CLAIM = Claim(
    id="rnn-sequential",
    place="rnn/vanilla",
    en="RNN steps cannot run in parallel; attention can",
    zh="RNN 不能并行,Transformer 可以",
    hypothesis="One row of 16 to 256 steps of 64 features goes through a vanilla recurrent layer "
    "of 64 units and through self-attention of 4 heads. The longest chain of operations that wait "
    "for each other grows with the row in the first, by more than 12 times, and stays as it is in "
    "the second. The recurrent layer's time, on torch's kernel, grows nearly as the length (an "
    "exponent above 0.8).",
    rule=(
        "every RNN chain 256/16 > 12",
        "every attention chain 256/16 < 1.01",
        "mean RNN exponent > 0.8",
    ),
    seeds=3,
    remark="Chains are counted in the graph of operations that torch keeps for the gradient. Time "
    "is that of one core, the shortest of 60 calls: there attention's time a step falls at first, "
    "as its products grow, until its square law takes over; how much more many cores or a graphics "
    "processor gain from the short chain is not measured here.",
    draw=("RNN", "attention"),
    axes=("steps of the row", "microseconds a step"),
    scale="xy",
)
LENGTHS = (16, 32, 64, 128, 256)


def measure(seed: int, /) -> Measured:
    """Chains, exponents of the time by length, and microseconds a step."""
    torch.manual_seed(seed)
    layers = {"RNN": recurrence(64, 64), "attention": MultiHeadAttention(dim=64, heads=4)}
    found: dict[str, float | Curve] = {}
    for name, layer in layers.items():
        short, long = (_chain(layer, length) for length in (LENGTHS[0], LENGTHS[-1]))
        found[f"{name} chain 256/16"] = long / short
        seconds = [_seconds(layer, length) for length in LENGTHS]
        x, y = (torch.tensor(one).double().log() for one in (LENGTHS, seconds))
        found[f"{name} exponent"] = (torch.cov(torch.stack([x, y]))[0, 1] / x.var()).item()
        each = [1e6 * one / length for one, length in zip(seconds, LENGTHS, strict=True)]
        found[name] = Curve([float(length) for length in LENGTHS], each)
    return found


def _chain(layer: nn.Module, length: int) -> int:
    """Operations from the input to the last step's output, along the longest way."""
    x = torch.randn(1, length, 64, requires_grad=True)
    y = layer.written_out(x)[0] if isinstance(layer, Recurrence) else layer(x)
    depth: dict[object, int] = {None: 0}
    waiting = [y[0, -1].sum().grad_fn]
    while waiting:
        node = waiting[-1]
        before = [] if node is None else [one for one, _ in node.next_functions]
        if missing := [one for one in before if one not in depth]:
            waiting += missing
        else:
            depth[waiting.pop()] = 1 + max((depth[one] for one in before), default=0)
    return max(depth.values())


def _seconds(layer: nn.Module, length: int) -> float:
    """Processor time of one call, the shortest of many."""
    x, times = torch.randn(1, length, 64), []
    with torch.inference_mode():
        for _ in range(60):
            start = time.process_time_ns()
            layer(x)
            times.append(time.process_time_ns() - start)
    return min(times) / 1e9
