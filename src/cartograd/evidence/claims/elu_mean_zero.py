"""How far from 0 the outputs of a trained network's units lie in the mean, by activation."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import accuracy, dataset, few, train

CLAIM = Claim(
    id="elu-mean-zero",
    place="activation/elu",
    en="ELU's outputs have a mean nearer 0",
    zh="ELU 输出均值接近 0",
    hypothesis="Three networks learn 1000 examples for 10 epochs by AdamW at 0.001, with ELU, "
    "ReLU and leaky ReLU (slope 0.01): two layers of 64 units on digits, five layers of 32 units "
    "on clothes, and two convolutions of 8 and 16 maps on clothes. The mean output of a unit over "
    "500 test images, without its sign, averaged over the units, is smaller with ELU on each.",
    rule=(
        "mean ReLU - ELU, two layers > 0",
        "mean leaky ReLU - ELU, two layers > 0",
        "mean ReLU - ELU, five layers > 0",
        "mean leaky ReLU - ELU, five layers > 0",
        "mean ReLU - ELU, convolutions > 0",
        "mean leaky ReLU - ELU, convolutions > 0",
    ),
    seeds=10,
    data="fashion-mnist",
    remark="Nearer, not near: 0.4 to 2.4 away. In spreads of the units, too, it is nearer: 0.6 to "
    "0.9 of one with ELU, 1.1 to 1.6 with the others.",
    draw=("ReLU - ELU, two layers", "ReLU - ELU, five layers", "ReLU - ELU, convolutions"),
    axes=("how much nearer to 0", ""),
)
KINDS = {"ELU": nn.ELU, "ReLU": nn.ReLU, "leaky ReLU": nn.LeakyReLU}
NETWORKS = {"two layers": "digits", "five layers": "fashion-mnist", "convolutions": "fashion-mnist"}


def measure(seed: int, /) -> Measured:
    """Means without sign, also in spreads of the units, and test accuracies."""
    found: dict[str, float] = {}
    for network, source in NETWORKS.items():
        data = dataset(source)
        for name, kind in KINDS.items():
            torch.manual_seed(seed)
            model = _network(network, kind)
            train(model, few(data.train, 1000, seed=seed), seed=seed, epochs=10)
            tested = few(data.test, min(500, len(data.test)), seed=seed)
            away, spread = _outputs(model, tested.inputs)
            found[f"{name}, {network}"] = away.mean().item()
            found[f"{name} in spreads, {network}"] = (away.sum() / spread.sum()).item()
            found[f"accuracy {name}, {network}"] = accuracy(model, tested)
        for name in ("ReLU", "leaky ReLU"):
            more = found[f"{name}, {network}"] - found[f"ELU, {network}"]
            found[f"{name} - ELU, {network}"] = more
    return found


def _network(name: str, kind: type[nn.Module]) -> nn.Sequential:
    if name == "convolutions":
        first = [nn.Conv2d(1, 8, 3, 2, 1), kind(), nn.Conv2d(8, 16, 3, 2, 1), kind()]
        return nn.Sequential(*first, nn.Flatten(), nn.Linear(16 * 49, 10))
    widths = [64] * 3 if name == "two layers" else [784, *[32] * 5]
    layers: list[nn.Module] = [nn.Flatten()]
    for into, out in pairwise(widths):
        layers += [nn.Linear(into, out), kind()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 10))


@torch.inference_mode()
def _outputs(model: nn.Sequential, x: Tensor) -> tuple[Tensor, Tensor]:
    """Of each unit or map: how far its mean is from 0, and its spread."""
    away, spread = [], []
    for layer in model.eval():
        x = layer(x)
        if isinstance(layer, tuple(KINDS.values())):
            each = x.transpose(0, 1).flatten(1)
            away.append(each.mean(1).abs())
            spread.append(each.std(1))
    return torch.cat(away), torch.cat(spread)
