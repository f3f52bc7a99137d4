"""The mean of many mini-batch gradients, and how far it is from the gradient of all the data."""

import numpy as np
import torch
from torch.func import functional_call, grad, vmap

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset
from cartograd.training.losses.cross_entropy import cross_entropy

CLAIM = Claim(
    id="minibatch-unbiased",
    place="optim/sgd",
    en="The mini-batch gradient is an unbiased estimate",
    zh="小批量梯度是全批量的无偏估计",
    hypothesis="Gradients of an untrained MLP with 16 hidden units over batches of 32 digits, "
    "drawn with replacement: the distance of their mean from the gradient over all examples, "
    "relative to that, falls with the number n of batches as n^-0.5, the exponent within 0.05, "
    "for n from 1 to 4096. The error is the root mean square of 20 repetitions.",
    rule=("mean slope > -0.55", "mean slope < -0.45"),
    seeds=5,
    remark="A biased estimate would level off. Batches of one epoch, drawn without replacement, "
    "are unbiased too, and their mean over the epoch is the full gradient exactly.",
    axes=("mini-batches in the mean", "relative error"),
    draw=("error of the mean",),
    scale="xy",
)
BATCH, REPEATS, COUNTS = 32, 20, [4**power for power in range(7)]


def measure(seed: int, /) -> Measured:
    """The slope of log error over log n."""
    each = _gradients()
    full = each.mean(0)
    errors = []
    for count in COUNTS:
        squares = 0.0
        for _ in range(REPEATS):
            drawn = torch.randint(len(each), (count * BATCH,)).bincount(minlength=len(each))
            mean = drawn.to(each) @ each / (count * BATCH)
            squares += ((mean - full).norm() / full.norm()).item() ** 2 / REPEATS
        errors.append(squares**0.5)
    slope = float(np.polyfit(np.log(COUNTS), np.log(errors), 1)[0])
    return {"slope": slope, "error of the mean": Curve([float(n) for n in COUNTS], errors)}


def _gradients() -> torch.Tensor:
    """The gradient of each training example, one a row."""
    data = dataset("digits")
    model = build("mlp:widths=[16]", signature=data.signature).double()
    params = {name: value.detach() for name, value in model.named_parameters()}

    def loss(params: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return cross_entropy(functional_call(model, params, (x[None],)), y[None]).sum()

    inputs = data.train.inputs.double()
    found = vmap(grad(loss), in_dims=(None, 0, 0))(params, inputs, data.train.targets)
    return torch.cat([value.flatten(1) for value in found.values()], dim=1)
