"""Gradients along a deep network, with skip connections and without."""

import math

import torch
from torch import nn

from cartograd.core.build import build
from cartograd.data.dataset.dataset import Split
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset, few
from cartograd.foundations.initialization.initialise import initialise

CLAIM = Claim(
    id="residual-gradients",
    place="challenge/vanishing-exploding",
    en="Skip connections carry gradients",
    zh="残差是梯度捷径",
    hypothesis="50 layers of 64 ReLU units answer 256 digits. The logarithm of the norm of the "
    "loss's gradient, layer by layer, has a slope nearer to 0 with skip connections than without: "
    "from torch's start, from He's, and with batch normalisation before each ReLU. Two of the "
    "three decide.",
    rule=(
        "mean torch start > 0",
        "mean He start > 0",
        "mean batch-norm > 0",
    ),
    decide="majority",
    remark="The figures are how much steeper the slope is without, in powers of ten a layer. From "
    "He's start a plain network keeps its gradients by itself, and skip connections that nothing "
    "scales make them grow instead: they save gradients from vanishing, not from exploding.",
    draw=("plain", "residual", "plain, He", "residual, He", "plain, norm", "residual, norm"),
    axes=("layer", "norm of the gradient"),
    scale="y",
)
CASES = {"torch start": "", "He start": ", He", "batch-norm": ", norm"}
DEPTH, WIDTH = 50, 64


class Deep(nn.Module):
    """Layers of one width, whose states stay at hand."""

    def __init__(self, *, residual: bool, norm: bool):
        super().__init__()
        self.residual, self.states = residual, list[torch.Tensor]()
        self.stem, self.head = nn.Linear(64, WIDTH), nn.Linear(WIDTH, 10)
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH))
        norms = [
            build("batch-norm", channels=WIDTH) if norm else nn.Identity() for _ in self.layers
        ]
        self.norms, self.relu = nn.ModuleList(norms), build("relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        self.states = [self.stem(x.flatten(1))]
        for layer, norm in zip(self.layers, self.norms, strict=True):
            y = self.relu(norm(layer(self.states[-1])))
            self.states.append(y + self.states[-1] if self.residual else y)
        return self.head(self.states[-1])


def measure(seed: int, /) -> Measured:
    """How much nearer to 0 the slope is with skip connections, in each case."""
    split, found = few(dataset("digits").train, 256, seed=seed), {}
    for case, mark in CASES.items():
        slopes = {}
        for kind in ("plain", "residual"):
            torch.manual_seed(seed)
            model = Deep(residual=kind == "residual", norm=case == "batch-norm")
            if case == "He start":
                initialise(model, "kaiming")
            norms = _gradients(model, split)
            depth = torch.arange(len(norms)).double()
            logs = torch.tensor([math.log10(max(norm, 1e-38)) for norm in norms])
            slopes[kind] = torch.cov(torch.stack([depth, logs]))[0, 1].item() / depth.var().item()
            found |= {f"slope {kind}{mark}": slopes[kind]}
            found |= {f"{kind}{mark}": Curve(depth.tolist(), norms)}
        found[case] = abs(slopes["plain"]) - abs(slopes["residual"])
    return found


def _gradients(model: Deep, split: Split) -> list[float]:
    loss = build("cross-entropy")(model(split.inputs), split.targets).mean()
    return [one.norm().item() for one in torch.autograd.grad(loss, model.states)]
