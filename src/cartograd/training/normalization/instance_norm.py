"""Instance normalisation: each channel of each example to mean 0 and variance 1.

It takes contrast and brightness out of an image and leaves what is where, which is what a picture
painted in another's style should keep. It is batch normalisation for a batch of one.

    y = weight (x - mean) / sqrt(var + eps) + bias,   over a channel's positions

Shapes: `b c ...`, kept, with more than one position; weight and bias ` c`.

Departures: torch's module has no weight and bias unless asked (`affine=True`).

References:
    Dmitry Ulyanov, Andrea Vedaldi, Victor Lempitsky. Instance normalization: the missing
    ingredient for fast stylization. 2016. https://arxiv.org/abs/1607.08022

>>> x = torch.tensor([[[1.0, 3.0], [10.0, 30.0]]])
>>> InstanceNorm(channels=2)(x).round(decimals=3).tolist()
[[[-1.0, 1.0], [-1.0, 1.0]]]
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="instance-norm",
    kind="normalisation",
    entry="InstanceNorm",
    nodes=("norm/instance",),
    title="Instance normalisation",
    zh="实例归一化",
    paper="Instance normalization: the missing ingredient for fast stylization",
    year=2016,
    url="https://arxiv.org/abs/1607.08022",
    proofs=(
        "oracle: torch.nn.InstanceNorm1d, 2d and 3d with weights, outputs and gradients to 1e-10 "
        "in float64",
        "law: another contrast and brightness of an image change nothing",
    ),
    evidence={
        "norm/instance": (
            "test_contrast_and_brightness_do_not_matter",
            "test_maps_are_normalised_as_spelled_out",
            "claim:instancenorm-contrast",
        ),
    },
    tiny={"channels": 4},
    renamed={"floor": "eps"},
)


class InstanceNorm(nn.Module):
    """Normalisation of each channel (dimension 1) over its positions.

    Args:
        channels: size of dimension 1.
        eps: added to the variance.
    """

    def __init__(self, *, channels: int, eps: float = 1e-5):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Float[Tensor, "b c ..."]) -> Float[Tensor, "b c ..."]:
        """Each channel of each example by its own mean and variance.

        Raises:
            UsageError: a channel has one position only, so that all would become zero.
        """
        if x[0, 0].numel() < 2:
            raise UsageError("instance-norm: a single position has no variance; use layer-norm")
        dims = tuple(range(2, x.ndim))
        wide = x.to(torch.promote_types(x.dtype, torch.float32))  # 256 squared is no half
        centred = wide - wide.mean(dims, keepdim=True)
        spread = (centred.square().mean(dims, keepdim=True) + self.eps).sqrt()
        weight, bias = (each.reshape(-1, *[1] * (x.ndim - 2)) for each in (self.weight, self.bias))
        answer = weight * centred / spread + bias
        return answer.to(torch.promote_types(x.dtype, self.weight.dtype))
