"""Layer normalisation: the features of each example to mean 0 and variance 1.

Nothing depends on the other examples, so it works for a batch of one, for sequences of any length
and the same way in training and evaluation: hence its place in Transformers.

    y = weight (x - mean) / sqrt(var + eps) + bias,   over the last dimension

Shapes: `... d`, kept; weight and bias ` d`.

Departures: none. Half precision is squared and divided in float32, as torch does.

References:
    Jimmy Lei Ba, Jamie Ryan Kiros, Geoffrey Hinton. Layer normalization. 2016.
    https://arxiv.org/abs/1607.06450

>>> LayerNorm(features=2)(torch.tensor([[1.0, 3.0], [10.0, 30.0]])).round(decimals=3).tolist()
[[-1.0, 1.0], [-1.0, 1.0]]
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card

CARD = Card(
    name="layer-norm",
    kind="normalisation",
    entry="LayerNorm",
    nodes=("norm/layer",),
    title="Layer normalisation",
    zh="层归一化",
    paper="Layer normalization",
    year=2016,
    url="https://arxiv.org/abs/1607.06450",
    proofs=(
        "oracle: torch.nn.LayerNorm, outputs and gradients to 1e-10 in float64",
        "law: shifting and stretching an example changes nothing",
    ),
    evidence={
        "norm/layer": (
            "test_equals_torch_with_gradients",
            "test_features_are_normalised_as_spelled_out",
        ),
    },
    tiny={"features": 4},
    renamed={"floor": "eps"},
)


class LayerNorm(nn.Module):
    """Normalisation of the last dimension.

    Args:
        features: size of the last dimension.
        eps: added to the variance.
    """

    def __init__(self, *, features: int, eps: float = 1e-5):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, x: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """Each example's features by their own mean and variance."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))  # 256 squared is no half
        centred = wide - wide.mean(-1, keepdim=True)
        spread = (centred.square().mean(-1, keepdim=True) + self.eps).sqrt()
        answer = self.weight * centred / spread + self.bias
        return answer.to(torch.promote_types(x.dtype, self.weight.dtype))
