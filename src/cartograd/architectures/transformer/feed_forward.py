"""Feed-forward: the same two-layer network at each position.

Attention mixes positions; this part then works on each by itself: a wider hidden layer, an
activation, and back. In the gated forms one half of the hidden features gates the other half.

    relu, gelu, gelu-tanh, silu:     y = W2 act(W1 x + b1) + b2
    reglu, geglu, swiglu:            y = W2 (act(Wg x) * (W1 x))       act = relu, gelu-tanh, silu

Shapes: `... d`, kept; inside `... ffn_dim`.

Departures: none. The activations are torch's kernels, one pass over memory each (the same numbers
as this library's own). GEGLU has the tanh form of GELU, as T5 1.1.

References:
    Ashish Vaswani et al. Attention is all you need. NeurIPS 2017.
    https://arxiv.org/abs/1706.03762
    Noam Shazeer. GLU variants improve transformer. 2020. https://arxiv.org/abs/2002.05202

>>> import torch
>>> FeedForward(dim=4, ffn_dim=8, activation="swiglu", bias=False)(torch.zeros(2, 3, 4)).shape
torch.Size([2, 3, 4])
"""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import unknown
from cartograd.core.wrapped import learns_plainly
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="feed-forward",
    kind="layer",
    entry="FeedForward",
    nodes=("transformer/ffn",),
    title="Position-wise feed-forward",
    zh="逐位置前馈网络",
    paper="Attention is all you need",
    year=2017,
    url="https://arxiv.org/abs/1706.03762",
    proofs=(
        "oracle: the feed-forward parts of torch.nn.TransformerEncoderLayer (relu, gelu) and of "
        "transformers' LLaMA (swiglu) and T5 1.1 (geglu), outputs and gradients to 1e-10",
        "law: each position is worked on alone",
    ),
    evidence={
        "transformer/ffn": ("test_equals_torchs_encoder_layer", "test_gates_equal_transformers"),
    },
    tiny={"dim": 8, "ffn_dim": 12},
    renamed={"inner": "ffn_dim", "biased": "bias"},
)


LARGE = 2**16
"""Numbers from which the few passes of `_gelu_tanh` cost less than their calls."""


RATE, CUBIC = math.sqrt(8 / math.pi), 0.044715
"""Of `2u = RATE (x + CUBIC x^3)`, the tanh of whose half is in GELU."""

FAR = 64.0
"""Where the gate is 0 or 1 to all bits."""


def _gelu_tanh(x: Tensor) -> Tensor:
    """GELU by a tanh: `x sigmoid(2u)` for its `x (1 + tanh(u)) / 2`.

    A processor computes a sigmoid in vectors in half the time (1 million numbers: 1.75 -> 0.9 ms;
    with gradients 4.0 -> 2.0, in bfloat16 4.2 -> 2.3).
    """
    large = x.device.type == "cpu" and x.numel() >= LARGE
    if large and torch.is_inference_mode_enabled() and x.dtype == torch.float32:
        return _gate(x).mul_(x)
    if large and x.dtype in (torch.float32, torch.bfloat16) and learns_plainly(x):
        return _GeluTanh.apply(x)
    return F.gelu(x, approximate="tanh")


class _GeluTanh(torch.autograd.Function):
    """The same with its slope, which is found along with it, in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        wide = x.float()
        gate = _gate(wide)
        ctx.save_for_backward(x, _slope(wide, gate).to(x.dtype))
        return gate.mul_(wide).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Tensor:
        x, slope = ctx.saved_tensors
        if torch.is_grad_enabled():  # to be differentiated again
            return torch.ops.aten.gelu_backward(grads[0], x, approximate="tanh")
        return grads[0] * slope


def _gate(x: Tensor) -> Tensor:
    return torch.addcmul(x.new_tensor(RATE), x, x, value=CUBIC * RATE).mul_(x).sigmoid_()


def _slope(x: Tensor, gate: Tensor) -> Tensor:
    """`s + x (2u)' s (1 - s)` for a gate s, which is 0 or 1 far from zero."""
    x = x.clamp(-FAR, FAR)  # infinity times 0 is no number
    inner = torch.addcmul(x.new_tensor(RATE), x, x, value=3 * CUBIC * RATE).mul_(x)
    return torch.ops.aten.sigmoid_backward(inner, gate).add_(gate)


def _gelu_sigmoid(x: Tensor) -> Tensor:
    return x * (1.702 * x).sigmoid()


ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], bool]] = {
    "relu": (F.relu, False),
    "gelu": (F.gelu, False),
    "gelu-tanh": (_gelu_tanh, False),
    "gelu-sigmoid": (_gelu_sigmoid, False),
    "silu": (F.silu, False),
    "reglu": (F.relu, True),
    "geglu": (_gelu_tanh, True),
    "geglu-exact": (F.gelu, True),
    "swiglu": (F.silu, True),
}
"""The activation, and whether it gates."""


class FeedForward(nn.Module):
    """Two layers with an activation between, or three with a gate.

    Args:
        dim: features of a position.
        ffn_dim: hidden size.
        activation: one of `ACTIVATIONS`.
        bias: whether the layers add a bias.
        dropout: probability that a hidden feature is set to zero in training.

    Raises:
        UsageError: no such activation.
    """

    def __init__(
        self,
        *,
        dim: int,
        ffn_dim: int,
        activation: str = "relu",
        bias: bool = True,
        dropout: float = 0.0,
    ):
        super().__init__()
        if activation not in ACTIVATIONS:
            raise unknown("activation of a feed-forward part", activation, list(ACTIVATIONS))
        self.activation, gated = ACTIVATIONS[activation]
        self.gate = nn.Linear(dim, ffn_dim, bias=bias) if gated else None
        self.up = nn.Linear(dim, ffn_dim, bias=bias)
        self.down = nn.Linear(ffn_dim, dim, bias=bias)
        self.dropout = Dropout(dropout=dropout)
        for part in (self.gate, self.up, self.down):
            if part is not None:
                nn.init.xavier_uniform_(part.weight)
            if part is not None and part.bias is not None:
                nn.init.zeros_(part.bias)

    def forward(self, x: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """New features of each position."""
        x = (
            self.activation(self.up(x))
            if self.gate is None
            else self.activation(self.gate(x)) * self.up(x)
        )
        return self.down(self.dropout(x))


def gated_dim(dim: int, /) -> int:
    """The hidden size of a gated part that has as many weights as a plain one of four times `dim`.

    As LLaMA's code has it, two thirds of that, up to a multiple of 256; of a narrow model, for
    which this step is wide, as many times `dim` as in the 7B, to a multiple of 8.

    >>> [gated_dim(dim) for dim in (4096, 5120, 8192, 2048, 64, 16)]
    [11008, 13824, 22016, 5632, 176, 40]
    """
    if dim < NARROW:
        return max(8, 8 * round(dim * 11_008 / 4096 / 8))
    return 256 * math.ceil(8 * dim / 3 / 256)


NARROW = 1024
"""Features of a position below which a model is narrow."""
