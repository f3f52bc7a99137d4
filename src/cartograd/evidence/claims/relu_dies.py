"""Units that no example of the training data wakes, after training at a high rate."""

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import dataset, train
from cartograd.foundations.activations.dead_units import dead_units

CLAIM = Claim(
    id="relu-dies",
    place="activation/leaky-relu",
    en="ReLU units die at high learning rates; leaky slopes prevent it",
    zh="ReLU 会死亡,Leaky ReLU 缓解",
    hypothesis="MLPs 64-64 on digits, Adam at rate 0.1 (a hundred times its default), 10 epochs: "
    "the share of hidden units whose slope is 0 for every training example is larger with ReLU "
    "than with leaky ReLU, ELU and GELU. Beside it ReLU at rate 0.001.",
    rule=("mean ReLU - leaky > 0", "mean ReLU - ELU > 0", "mean ReLU - GELU > 0"),
    seeds=10,
    remark="That leaky units do not die is so by construction, since their slope is nowhere 0; "
    "ELU and GELU die a little where their slope is too small for float32. First tried with SGD "
    "at rate 1, where the training of some nets broke down and nothing could be counted.",
    draw=("ReLU", "ReLU, rate 0.001", "leaky", "ELU", "GELU"),
    axes=("share of dead units", ""),
)
NAMES = {"ReLU": "relu", "leaky": "leaky-relu", "ELU": "elu", "GELU": "gelu"}


def measure(seed: int, /) -> Measured:
    """The share of dead units with each activation."""
    found = {name: _dead(spec, seed, 0.1) for name, spec in NAMES.items()}
    found["ReLU, rate 0.001"] = _dead("relu", seed, 0.001)
    return found | {
        f"ReLU - {name}": found["ReLU"] - found[name] for name in NAMES if name != "ReLU"
    }


def _dead(activation: str, seed: int, lr: float) -> float:
    data = dataset("digits")
    spec = f"mlp:widths=[64,64],activation={activation}"
    model = build(spec, signature=data.signature)
    train(model, data.train, seed=seed, epochs=10, optimizer=f"adam:lr={lr}")
    shares = dead_units(model, data.train.inputs).values()
    return sum(shares) / len(shares)
