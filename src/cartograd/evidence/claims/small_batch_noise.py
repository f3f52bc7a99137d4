"""How much the gradient of a batch scatters, by how many examples it holds."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from cartograd.core.build import build
from cartograd.data.dataset.dataset import Split
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset, few, train
from cartograd.training.losses.cross_entropy import cross_entropy

CLAIM = Claim(
    id="small-batch-noise",
    place="optim/gd",
    en="Larger batches give steadier gradients",
    zh="较大批量梯度更稳定",
    hypothesis="MLPs of 16 hidden units on 1000 digits and of 8 on 1000 clothes, before training "
    "and after five epochs: the variance of a batch's gradient, its mean squared distance from "
    "the gradient over all 1000, falls with the size b of the batch as 1/b, the exponent within "
    "0.05 of -1, for b from 1 to 64. Batches are drawn as an epoch draws them, without "
    "replacement; 200 of each size.",
    rule=(
        "mean slope, digits, before > -1.05",
        "mean slope, digits, before < -0.95",
        "mean slope, digits, after > -1.05",
        "mean slope, digits, after < -0.95",
        "mean slope, clothes, before > -1.05",
        "mean slope, clothes, before < -0.95",
        "mean slope, clothes, after > -1.05",
        "mean slope, clothes, after < -0.95",
    ),
    seeds=5,
    data="fashion-mnist",
    remark="Without replacement the variance is that of independent draws times (n - b) / (n - 1), "
    "which makes the slope a little steeper than -1.",
    draw=("digits, before", "digits, after", "clothes, before", "clothes, after"),
    axes=("examples in the batch", "variance of the gradient, that of one example is 1"),
    scale="xy",
)
SETS = {
    "digits": ("digits", "mlp:widths=[16]"),
    "clothes": ("fashion-mnist", "mlp:widths=[8]"),
}
COUNT, REPEATS, SIZES = 1000, 200, [2**power for power in range(7)]


def measure(seed: int, /) -> Measured:
    """The slopes of the logarithm of the variance over that of the size."""
    found: dict[str, float | Curve] = {}
    for name, (source, network) in SETS.items():
        split = few(dataset(source).train, COUNT, seed=seed)
        model = build(network, signature=dataset(source).signature)
        for when in ("before", "after"):
            if when == "after":
                train(model, split, seed=seed, epochs=5)
            variances = _variances(_gradients(model, split))
            slope = np.polyfit(np.log(SIZES), np.log(variances), 1)[0]
            found[f"slope, {name}, {when}"] = float(slope)
            relative = [one / variances[0] for one in variances]
            found[f"{name}, {when}"] = Curve([float(size) for size in SIZES], relative)
    return found


def _variances(each: Tensor) -> list[float]:
    """By size of the batch, from the gradients of single examples."""
    away, found = each - each.mean(0), []
    for size in SIZES:
        drawn = torch.zeros(REPEATS, COUNT, dtype=each.dtype)
        for row in drawn:
            row[torch.randperm(COUNT)[:size]] = 1 / size
        found.append((drawn @ away).square().sum(1).mean().item())
    return found


def _gradients(model: nn.Module, split: Split) -> Tensor:
    """The gradient of each example, one a row."""
    params = {name: value.detach() for name, value in model.named_parameters()}

    def loss(params: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(functional_call(model, params, (x[None],)), y[None]).sum()

    found = vmap(grad(loss), in_dims=(None, 0, 0))(params, split.inputs, split.targets)
    return torch.cat([value.flatten(1) for value in found.values()], dim=1)
