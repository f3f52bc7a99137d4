"""Weights under an L1 and an L2 penalty of rising strength, on real digits."""

import torch
from torch import nn

from cartograd.core.build import build
from cartograd.engine.loop.fit import fit
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import Data, accuracy, dataset, few
from cartograd.training.objectives.classify import Classify
from cartograd.training.regularization.l1 import shrink, zeros
from cartograd.training.regularization.l2 import decay

CLAIM = Claim(
    id="l1-sparse",
    place="regularize/l1",
    en="L1 makes weights sparse; L2 does not",
    zh="L1 产生稀疏权重",
    hypothesis="An MLP of 64 hidden units learns 500 digits under either penalty at 6 strengths. "
    "Of each penalty the strongest is taken whose accuracy on the validation images is within a "
    "point of none at all, weaker and stronger ones being tried: there the share of weights "
    "nearer to zero than 0.001 is larger under L1, and the accuracies on the test images differ "
    "by less than two points on average.",
    rule=("mean L1 - L2 > 0", "mean accuracy L1 - L2 > -0.02", "mean accuracy L1 - L2 < 0.02"),
    requires=("every strengths inside >= 1",),
    seeds=10,
    first=100,
    remark="L1 by proximal steps, which put weights at zero exactly; subgradient steps only leave "
    "them jittering around it. L2 by decay, which for plain descent is the same as its penalty.",
    draw=("share near zero, L1", "share near zero, L2"),
    axes=("strength", "share of weights nearer to zero than 0.001"),
    scale="x",
)
RATE = 0.3
STRENGTHS = tuple(10 ** (k / 2) for k in range(-9, -3))


class Penalised(nn.Module):
    """A classifier whose weights are pulled towards zero after each step."""

    def __init__(self, *, model: nn.Module, kind: str, strength: float):
        super().__init__()
        self.task = Classify(model=model)
        self.losses, self.players = self.task.losses, self.task.players
        self.kind, self.strength = kind, strength

    @torch.no_grad()
    def after_step(self, _player: str, /) -> None:
        """The proximal step of the penalty."""
        for weight in _weights(self.players["model"]):
            if self.kind == "L1":
                weight.copy_(shrink(weight, amount=RATE * self.strength))
            else:
                weight.copy_(decay(weight, lr=RATE, weight_decay=2 * self.strength))


def measure(seed: int, /) -> Measured:
    """Shares near zero at the chosen strengths, and along all of them."""
    data = dataset("digits")
    free = accuracy(_trained(data, "L1", 0.0, seed), data.valid)
    found: dict[str, float] = {}
    curves: dict[str, Curve] = {}
    for kind in ("L1", "L2"):
        models = [_trained(data, kind, strength, seed) for strength in STRENGTHS]
        shares = [zeros(torch.cat(_weights(model)), eps=1e-3) for model in models]
        good = [i for i, m in enumerate(models) if accuracy(m, data.valid) >= free - 0.01]
        best = max(good, default=0)
        found |= {
            kind: shares[best],
            f"accuracy {kind}": accuracy(models[best], data.test),
            f"strength {kind}": STRENGTHS[best],
        }
        curves[f"share near zero, {kind}"] = Curve(STRENGTHS, shares)
        found["strengths inside"] = min(
            found.get("strengths inside", 1.0), float(0 < best < len(STRENGTHS) - 1)
        )
    for name in ("", "accuracy "):
        found[f"{name}L1 - L2"] = found[f"{name}L1"] - found[f"{name}L2"]
    return found | curves


def _trained(data: Data, kind: str, strength: float, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model = build("mlp", features=64, classes=10, widths=(64,))
    task = Penalised(model=model, kind=kind, strength=strength)
    batches = few(data.train, 500, seed=seed).batches(batch_size=50)
    fit(task, batches, optimizer=f"sgd:lr={RATE}", epochs=50, seed=seed, device="cpu")
    return model


def _weights(model: nn.Module) -> list[torch.Tensor]:
    return [part.weight.data.view(-1) for part in model.modules() if isinstance(part, nn.Linear)]
