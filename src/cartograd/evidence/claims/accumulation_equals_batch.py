"""Ten steps on whole batches, and on the same batches in four parts."""

import torch
from torch import nn

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset, few, train

CLAIM = Claim(
    id="accumulation-equals-batch",
    place="train/grad-accumulation",
    en="Accumulation equals a large batch",
    zh="梯度累积等效大批次",
    hypothesis="From the same weights, 10 steps of descent with momentum on batches of 64 digits "
    "and on 4 times 16 of the same order: the largest difference of a weight is below 0.000001 "
    "for a network without batch normalisation. With it, each part is normalised by its own "
    "statistics, and the difference is a thousand times that.",
    rule=("every without batch-norm < 1e-6", "every with batch-norm > 1e-3"),
    remark="True of losses that are means over examples. It is not what saves time: four parts "
    "cost what the whole does, and only the memory of one part is needed.",
    draw=("without batch-norm", "with group-norm", "with batch-norm"),
    axes=("largest difference of a weight", ""),
    scale="x",
)


def measure(seed: int, /) -> Measured:
    """The largest difference, for each kind of normalisation."""
    split = few(dataset("digits").train, 640, seed=seed)

    def trained(norm: nn.Module, batch_size: int, accumulate: int) -> torch.Tensor:
        torch.manual_seed(seed)
        layers = nn.Flatten(), nn.Linear(64, 64), norm, nn.ReLU(), nn.Linear(64, 10)
        model = nn.Sequential(*layers)
        settings = {"optimizer": "momentum:lr=0.1", "accumulate": accumulate}
        train(model, split, seed=seed, epochs=1, batch_size=batch_size, **settings)
        return nn.utils.parameters_to_vector(model.parameters()).detach()

    norms = {
        "without batch-norm": "",
        "with group-norm": "group-norm:channels=64,groups=8",
        "with batch-norm": "batch-norm:channels=64",
    }
    found: dict[str, float | Curve] = {}
    for name, spec in norms.items():
        whole = trained(build(spec) if spec else nn.Identity(), 64, 1)
        parts = trained(build(spec) if spec else nn.Identity(), 16, 4)
        found[name] = (whole - parts).abs().max().item()
    return found
