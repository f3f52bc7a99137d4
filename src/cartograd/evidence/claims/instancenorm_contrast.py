"""Images of another contrast and brightness, behind instance and batch normalisation."""

import torch
from torch import nn

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset

CLAIM = Claim(
    id="instancenorm-contrast",
    place="norm/instance",
    en="InstanceNorm removes instance contrast",
    zh="InstanceNorm 消除对比度",
    hypothesis="The 359 test images of digits are each multiplied by a factor of its own, "
    "log-uniform from 0.5 to 2, and shifted by up to 0.5. The root mean square change of what "
    "comes out of instance normalisation (of variance 1) is below 0.0001; out of batch "
    "normalisation in training, and in evaluation after it saw these images, it is above 0.1.",
    rule=(
        "every instance-norm < 1e-4",
        "every batch-norm in training > 0.1",
        "every batch-norm in evaluation > 0.1",
    ),
    remark="It is removed as far as the floor under the variance (1e-5) is small beside the "
    "image's own: of an image whose contrast is a hundredth, about a quarter is lost, which the "
    "curve shows. And it is removed for good: where contrast carries the answer, that is a loss.",
    draw=("instance-norm, of all images alike",),
    axes=("factor of the contrast", "root mean square change"),
    scale="xy",
)


def measure(seed: int, /) -> Measured:
    """The change of each layer's output, and that of instance normalisation by factor."""
    test = dataset("digits").test
    x = test.inputs
    factor = 2 ** (2 * torch.rand(len(x), 1, 1, 1) - 1)
    changed = factor * x + torch.rand(len(x), 1, 1, 1) - 0.5
    instance, batch = build("instance-norm", channels=1), build("batch-norm", channels=1)
    found: dict[str, float | Curve] = {
        "instance-norm": _change(instance, x, changed),
        "batch-norm in training": _change(batch, x, changed),
        "batch-norm in evaluation": _change(batch.eval(), x, changed),
    }
    factors = [10 ** (k / 8) for k in range(-24, 9)]
    changes = [_change(instance, x, one * x) + 1e-9 for one in factors]
    return found | {"instance-norm, of all images alike": Curve(factors, changes)}


@torch.no_grad()
def _change(layer: nn.Module, x: torch.Tensor, changed: torch.Tensor) -> float:
    return (layer(changed) - layer(x)).square().mean().sqrt().item()
