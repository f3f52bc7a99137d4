"""Time and memory of attention by length: written out, fused, and in windows."""

import time
from collections.abc import Callable

import torch
from torch import Tensor

from cartograd.architectures.transformer.attention import attend
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.claims.checkpointing_memory import Live

CLAIM = Claim(
    id="attention-quadratic",
    place="attention/self",
    en="Self-attention costs n²",
    zh="自注意力复杂度 O(n²)",
    hypothesis="One head of 64 features looks at its own 512 to 4096 positions: written out, by "
    "torch's fused kernel, and each block of 128 only at itself and the block before. On "
    "logarithmic scales the processor time of the first two grows with a slope above 1.7, of the "
    "second below 2.3, and the memory of the first above 1.7.",
    rule=(
        "mean time, written out > 1.7",
        "mean time, fused > 1.7",
        "mean time, fused < 2.3",
        "mean memory, written out > 1.7",
    ),
    remark="n² is the work; it need not be the memory. The fused kernel never holds the matrix of "
    "fits: its memory grows as n (slope in the figures). In windows both do, since far positions "
    "are not looked at. Written out, time can grow faster than n² where the matrix leaves the "
    "caches, so that nothing is asked of it from above.",
    first=100,
    draw=("written out", "fused", "in windows"),
    axes=("positions", "processor seconds"),
    scale="xy",
)
LENGTHS, BLOCK, WIDTH = (512, 1024, 2048, 4096), 128, 64


def measure(seed: int, /) -> Measured:
    """The slopes of time and memory, and the seconds by length."""
    draw, found = torch.Generator().manual_seed(seed), {}
    ways: dict[str, Callable[..., Tensor]] = {
        "written out": _written_out, "fused": attend, "in windows": _in_windows,
    }  # fmt: skip
    rows = {n: torch.randn(3, 1, 1, n, WIDTH, generator=draw) for n in LENGTHS}
    for name, way in ways.items():
        spent = [_seconds(way, rows[n]) for n in LENGTHS]
        held = [_held(way, rows[n]) for n in LENGTHS]
        found |= {f"time, {name}": _slope(spent), f"memory, {name}": _slope(held)}
        found[name] = Curve([*map(float, LENGTHS)], spent)
    return found


def _written_out(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return (q @ k.mT * WIDTH**-0.5).softmax(-1) @ v


def _in_windows(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Each block of queries looks at its own block of keys and at the one before."""

    def blocks(x: Tensor) -> Tensor:
        return x.reshape(1, -1, BLOCK, WIDTH)

    def both(x: Tensor) -> Tensor:
        return torch.cat([blocks(x).roll(1, 1), blocks(x)], 2)

    return attend(blocks(q), both(k), both(v)).reshape(q.shape)


def _seconds(way: Callable[..., Tensor], rows: Tensor) -> float:
    """The quickest of five runs, by the processor's clock."""
    spent = []
    for _ in range(6):
        start = time.process_time()
        way(*rows)
        spent.append(time.process_time() - start)
    return min(spent[1:])


def _held(way: Callable[..., Tensor], rows: Tensor) -> float:
    with Live() as live:
        way(*rows)
    return float(live.peak)


def _slope(values: list[float]) -> float:
    """Of the logarithm by the logarithm of the length, by least squares."""
    both = torch.tensor([LENGTHS, values], dtype=torch.float64).log()
    return (torch.cov(both)[0, 1] / both[0].var()).item()
