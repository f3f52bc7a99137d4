"""Digits changed by FGSM against one architecture, answered by the others."""

from itertools import permutations

import torch
from torch import Tensor, nn

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import accuracy, dataset, train
from cartograd.frontier.security.fgsm import fgsm

CLAIM = Claim(
    id="fgsm-transfers",
    place="attack/transfer",
    en="Adversarial examples transfer between models",
    zh="迁移攻击有效",
    hypothesis="Four architectures learn digits: a dense network, LeNet-5, a residual network and "
    "a Vision Transformer. FGSM moves each pixel by a tenth of the range against one of them; of "
    "the test digits that both had right, another gets more wrong than when each pixel is moved "
    "as far up or down by chance: in the mean over the twelve pairs, and for the pair where the "
    "difference is least, both in the mean over seeds. Against its own network it is worse still.",
    rule=("mean transfer above noise > 0", "mean lowest pair above noise > 0"),
    requires=("every accuracy > 0.9", "every own above noise > 0.1"),
    seeds=5,
    draw=("wrong by transfer", "wrong by noise", "wrong by its own"),
    axes=("share of answers that turn wrong", ""),
)
NETWORKS = ("mlp:widths=[128]", "lenet5:activation=relu", "resnet:depth=8,width=8",
            "vit:dim=32,depth=2,heads=2,patch=2")  # fmt: skip
EPS = 0.1


def measure(seed: int, /) -> Measured:
    """Shares that turn wrong, by who was attacked and who answers."""
    data = dataset("digits")
    x, y = data.test.inputs, data.test.targets
    draw = torch.Generator().manual_seed(seed)
    signs = torch.randint(2, x.shape, generator=draw) * 2.0 - 1
    noisy = (x + EPS * signs).clamp(0, 1)
    models, rights, changed = list[nn.Module](), list[float](), list[Tensor]()
    for spec in NETWORKS:
        torch.manual_seed(seed)
        model = build(spec, signature=data.signature)
        train(model, data.train, seed=seed, epochs=15, optimizer="adamw:lr=3e-3")
        rights.append(accuracy(model.eval(), data.test))
        models.append(model)
        changed.append(fgsm(model, x, y, eps=EPS))
    with torch.inference_mode():
        good = [model(x).argmax(1) == y for model in models]
        own = [
            _turned(model, moved, y, known)
            for model, moved, known in zip(models, changed, good, strict=True)
        ]
        pairs = list(permutations(range(len(models)), 2))
        told = [_turned(models[b], changed[a], y, good[a] & good[b]) for a, b in pairs]
        noise = [_turned(models[b], noisy, y, good[a] & good[b]) for a, b in pairs]
    above = [one - other for one, other in zip(told, noise, strict=True)]
    return {
        "wrong by transfer": sum(told) / len(told),
        "wrong by noise": sum(noise) / len(noise),
        "wrong by its own": sum(own) / len(own),
        "transfer above noise": sum(above) / len(above),
        "lowest pair above noise": min(above),
        "own above noise": sum(own) / len(own) - sum(noise) / len(noise),
        "accuracy": min(rights),
    }


def _turned(model: nn.Module, x: Tensor, y: Tensor, known: Tensor) -> float:
    """Of the examples that were right, the share that is wrong."""
    return float((model(x).argmax(1) != y)[known].double().mean())
