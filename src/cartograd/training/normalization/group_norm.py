"""Group normalisation: groups of an example's channels to mean 0 and variance 1.

Like layer normalisation it asks nothing of the other examples, and like batch normalisation it
keeps channels that mean different things apart. One group is layer normalisation over channels
and positions, as many groups as channels is instance normalisation.

    y = weight (x - mean) / sqrt(var + eps) + bias,   over a group's channels and positions

Shapes: `b c ...`, kept; weight and bias ` c`, one number for each channel whatever the groups.

Departures: none.

References:
    Yuxin Wu, Kaiming He. Group normalization. ECCV 2018. https://arxiv.org/abs/1803.08494

>>> x = torch.tensor([[[1.0], [3.0], [10.0], [30.0]]])
>>> GroupNorm(channels=4, groups=2)(x).round(decimals=3).flatten().tolist()
[-1.0, 1.0, -1.0, 1.0]
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="group-norm",
    kind="normalisation",
    entry="GroupNorm",
    nodes=("norm/group",),
    title="Group normalisation",
    zh="组归一化",
    paper="Group normalization",
    year=2018,
    url="https://arxiv.org/abs/1803.08494",
    proofs=(
        "oracle: torch.nn.GroupNorm, outputs and gradients to 1e-10 in float64",
        "law: one group is layer normalisation over channels and positions; as many groups as "
        "channels is instance normalisation",
    ),
    evidence={
        "norm/group": (
            "test_equals_torch_with_gradients",
            "test_its_limits_are_layer_and_instance_normalisation",
            "test_maps_are_normalised_as_spelled_out",
        ),
    },
    tiny={"channels": 4, "groups": 2},
    renamed={"floor": "eps"},
)


class GroupNorm(nn.Module):
    """Normalisation of groups of channels (dimension 1) over any number of positions.

    Args:
        channels: size of dimension 1.
        groups: how many groups they form, next to each other.
        eps: added to the variance.

    Raises:
        UsageError: the channels do not divide into the groups.
    """

    def __init__(self, *, channels: int, groups: int = 32, eps: float = 1e-5):
        super().__init__()
        if channels % groups:
            raise UsageError(f"group-norm: {channels} channels do not divide into {groups} groups")
        self.groups, self.eps = groups, eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Float[Tensor, "b c ..."]) -> Float[Tensor, "b c ..."]:
        """Each group of each example by its own mean and variance."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))  # 256 squared is no half
        groups = wide.reshape(len(x), self.groups, -1)
        centred = groups - groups.mean(-1, keepdim=True)
        spread = (centred.square().mean(-1, keepdim=True) + self.eps).sqrt()
        weight, bias = (each.reshape(-1, *[1] * (x.ndim - 2)) for each in (self.weight, self.bias))
        answer = weight * (centred / spread).reshape(x.shape) + bias
        return answer.to(torch.promote_types(x.dtype, self.weight.dtype))
