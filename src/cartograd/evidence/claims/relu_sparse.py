"""How many activations of a trained network are exactly zero."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset, few, train
from cartograd.foundations.activations.layer import Activation

CLAIM = Claim(
    id="relu-sparse",
    place="activation/relu",
    en="ReLU gives sparse activations",
    zh="ReLU 带来稀疏激活",
    hypothesis="The share of hidden activations that are exactly 0 on test images, after 10 epochs "
    "of training, is larger with ReLU than with tanh by more than 30 points: in an MLP 128-64 on "
    "digits, and in LeNet-5 on 2000 images of Fashion-MNIST.",
    rule=("mean MLP: ReLU - tanh > 0.3", "mean LeNet-5: ReLU - tanh > 0.3"),
    decide="each",
    seeds=5,
    first=100,
    remark="At the start half of the units are off; how many stay so is a matter of the net and "
    "the data. Training switches them on in the MLP on digits.",
    data="fashion-mnist",
    draw=("MLP: ReLU", "MLP: tanh", "LeNet-5: ReLU", "LeNet-5: tanh"),
    axes=("share of activations that are 0", ""),
)
NETS = {"MLP": ("mlp:widths=[128,64]", "digits"), "LeNet-5": ("lenet5", "fashion-mnist")}


def measure(seed: int, /) -> Measured:
    """The share of zeros with either activation, in both nets."""
    found: dict[str, float | Curve] = {}
    for name, (spec, source) in NETS.items():
        data = dataset(source)
        share = {}
        for activation in ("relu", "tanh"):
            torch.manual_seed(seed)
            model = build(spec, activation=activation, signature=data.signature)
            train(model, few(data.train, 2000, seed=seed), seed=seed, epochs=10)
            test = few(data.test, 359, seed=0).inputs
            answers = torch.cat([h.flatten() for h in _hidden(model, test)])
            share[activation] = (answers == 0).double().mean().item()
        found[f"{name}: ReLU"], found[f"{name}: tanh"] = share["relu"], share["tanh"]
        found[f"{name}: ReLU - tanh"] = share["relu"] - share["tanh"]
    return found


def _hidden(model: nn.Module, x: Tensor) -> Iterator[Tensor]:
    """What each activation answers."""
    found: list[Tensor] = []
    layers = [module for module in model.modules() if isinstance(module, Activation)]
    handles = [layer.register_forward_hook(lambda *a: found.append(a[2])) for layer in layers]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    yield from found
