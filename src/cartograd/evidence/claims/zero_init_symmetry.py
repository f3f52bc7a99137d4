"""Train a net that starts from equal weights, and look whether its units ever part."""

import torch

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import accuracy, dataset, train
from cartograd.foundations.initialization.initialise import initialise

CLAIM = Claim(
    id="zero-init-symmetry",
    place="init/constant",
    en="Equal initial weights stay equal",
    zh="零初始化导致对称性",
    hypothesis="An MLP with 32 hidden units, trained for 10 epochs on digits from weights that are "
    "all 0, or all 0.1, ends with hidden units whose weights are alike to 1e-5 of their size, a "
    "matrix of rank at most 1, and a test accuracy more than 30 points below that from Kaiming's "
    "start.",
    rule=(
        "every zero: spread < 1e-5",
        "every constant: spread < 1e-5",
        "every zero: rank <= 1",
        "every constant: rank <= 1",
        "mean random - zero > 0.3",
        "mean random - constant > 0.3",
    ),
    seeds=5,
    remark="From zeros hidden weights do not move at all: only the output's biases learn. From "
    "another constant the layer learns as one unit.",
    draw=("zero", "constant", "random"),
    axes=("test accuracy", ""),
)
STARTS = {"zero": "constant", "constant": "constant:value=0.1", "random": "kaiming"}


def measure(seed: int, /) -> Measured:
    """Accuracy, and how alike the hidden units are, from each start."""
    data = dataset("digits")
    found = {}
    for name, start in STARTS.items():
        model = build("mlp:widths=[32]", signature=data.signature)
        initialise(model, start)
        train(model, data.train, seed=seed, epochs=10, optimizer="adamw:lr=0.003")
        weight = model.model.hidden[0].weight.detach()
        apart = (weight - weight.mean(0)).norm() / weight.norm().clamp(min=1e-30)
        found[name] = accuracy(model, data.test)
        found[f"{name}: spread"] = apart.item()
        found[f"{name}: rank"] = float(torch.linalg.matrix_rank(weight, rtol=1e-4))
    for name in ("zero", "constant"):
        found[f"random - {name}"] = found["random"] - found[name]
    return found
