"""PReLU: a leaky ReLU that learns how much to leak.

The slope below zero is a weight like any other: its gradient is the sum of the negative inputs,
each times the gradient that reached its output. A network can thus choose between a ReLU
(slope 0), a straight line (slope 1) and what lies between.

    f(z) = z if z > 0 else slope z        df/dslope = 0 if z > 0 else z

Shapes: any shape, kept. `slope` has no dimension: a layer has one.

Departures: the paper also has a slope for each channel; here it is its channel-shared form. The
paper spares the slope from weight decay, which here is the optimizer's business.

References:
    Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun. Delving deep into rectifiers: surpassing
    human-level performance on ImageNet classification. ICCV 2015. https://arxiv.org/abs/1502.01852

>>> PReLU()(torch.tensor([-2.0, 0.0, 3.0])).tolist()
[-0.5, 0.0, 3.0]
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card

CARD = Card(
    name="prelu",
    kind="activation",
    entry="PReLU",
    nodes=("activation/prelu",),
    title="PReLU",
    zh="PReLU（参数化线性整流单元）",
    paper="Delving deep into rectifiers: surpassing human-level performance on ImageNet "
    "classification",
    year=2015,
    url="https://arxiv.org/abs/1502.01852",
    proofs=(
        "oracle: torch.nn.PReLU, values and gradients of input and slope to 1e-10 in float64",
        "law: the slope moves in training, to the one that the data was made with",
    ),
    evidence={
        "activation/prelu": ("test_equals_torch_with_gradients", "test_the_slope_is_learned"),
    },
    renamed={"slope": "init"},
)


class PReLU(nn.Module):
    """The activation of one layer, with its learned slope.

    Args:
        init: where the learned slope starts.
    """

    def __init__(self, *, init: float = 0.25):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(float(init)))

    def forward(self, z: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The input where it is above zero, else slope z."""
        return torch.where(z > 0, z, self.slope * z)
