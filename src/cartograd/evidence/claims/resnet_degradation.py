"""Plain and residual networks from 8 to 56 layers: how well they learn the training images."""

import torch
from torch import nn

from cartograd.architectures.cnn.resnet import Basic
from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset, few, train

CLAIM = Claim(
    id="resnet-degradation",
    place="arch/resnet",
    en="Depth degrades plain nets; residuals cure it",
    zh="残差解决退化",
    hypothesis="The CIFAR form of ResNet, 4 channels wide, with 8, 20 and 56 layers learns 512 "
    "digits for 12 epochs by descent with momentum, with its shortcuts and without; each at the "
    "rate of three (0.03 to 0.3) whose mean training loss over two other seeds is lowest. "
    "Without, the training loss is higher with 56 layers than with 8; with them it is no higher.",
    rule=("mean plain 56 - plain 8 > 0", "mean residual 56 - residual 8 <= 0"),
    seeds=4,
    remark="Plain networks of 56 layers end not far from chance. Shortcuts take nearly all of "
    "that away, and whether nothing is left four seeds at this budget do not decide: their whole "
    "interval would have to be below 0.",
    draw=("plain", "residual"),
    axes=("layers", "training loss of the last epoch"),
)
DEPTHS = (8, 20, 56)
ARMS = {
    f"{kind} {depth}": (kind, depth, rate)
    for kind, rates in (("plain", (0.3, 0.1, 0.1)), ("residual", (0.1, 0.03, 0.03)))
    for depth, rate in zip(DEPTHS, rates, strict=True)
}


class Nothing(nn.Module):
    """What stands for a shortcut in a plain network."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Zero."""
        return x.new_zeros(())


def measure(seed: int, /) -> Measured:
    """The training loss of each, and how it grows with depth."""
    found: dict[str, float | Curve] = {}
    for kind in ("plain", "residual"):
        losses = {depth: trained(*ARMS[f"{kind} {depth}"], seed) for depth in DEPTHS}
        found |= {f"{kind} {depth}": one for depth, one in losses.items()}
        found[f"{kind} 56 - {kind} 8"] = losses[56] - losses[8]
        found[kind] = Curve([float(depth) for depth in DEPTHS], list(losses.values()))
    return found


def trained(kind: str, depth: int, rate: float, seed: int, /) -> float:
    """The training loss of the last epoch."""
    torch.manual_seed(seed)
    model = build("resnet", depth=depth, width=4, channels=1, size=8, classes=10)
    for block in model.modules():
        if kind == "plain" and isinstance(block, Basic):
            block.downsample = Nothing()
    split = few(dataset("digits").train, 512, seed=seed)
    run = train(model, split, seed=seed, epochs=12, optimizer=f"momentum:lr={rate}")
    return run.history[-1]["train/loss"]
