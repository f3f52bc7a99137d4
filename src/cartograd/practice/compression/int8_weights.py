"""Weights in eight bits: a quarter of the bytes, and where bytes are what takes time, of the time.

Each row of a weight has a scale of its own, so that its largest number becomes 127. For a few rows
of inputs, as in decoding, the inputs are rounded to eight bits too (each row by its own range, so
that no row depends on another) and the product is one of integers. For many rows the weights are
made floats again first: then only the weights are rounded.

    W_ij ~ s_i q_ij,   s_i = max_j |W_ij| / 127,   q_ij = round(W_ij / s_i)

Shapes: weights `d2 d`; a model's inputs and outputs as before.

Departures: none. Torch's integer kernels are used where a self-test finds that they work on this
machine; elsewhere the rounded weights are made floats for each product: the same weights, but slow.

References:
    Benoit Jacob et al. Quantization and training of neural networks for efficient
    integer-arithmetic-only inference. 2017, CVPR 2018. https://arxiv.org/abs/1712.05877

>>> layer = torch.nn.Linear(64, 32)
>>> x = torch.randn(1, 64)
>>> error = int8_weights(layer)(x) - layer(x)
>>> (error.norm() / layer(x).norm()).item() < 0.05
True
"""

import copy
import warnings
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.protocols import Batches

CARD = Card(
    name="int8-weights",
    kind="compressor",
    entry="int8_weights",
    nodes=("compress/quantize-ptq",),
    title="Eight-bit weights",
    zh="8 位整数权重",
    paper=(
        "Quantization and training of neural networks for efficient integer-arithmetic-only "
        "inference"
    ),
    year=2017,
    url="https://arxiv.org/abs/1712.05877",
    proofs=(
        "oracle: torch.ao.quantization.quantize_dynamic, per channel: weights within a step of the "
        "grid, outputs within 2 %",
        "law: a weight is rounded by half a step at most, and weights that are on the grid stay",
        "law: with many rows the result is that of the rounded weights in floats; no row depends "
        "on another",
    ),
)

FEW = 16
"""Rows of inputs up to which they are rounded, too; with more a product of floats is quicker."""


def int8_weights(
    model: nn.Module,
    data: Batches | None = None,  # noqa: ARG001
    /,
) -> nn.Module:
    """A copy of a model whose linear layers keep their weights in eight bits.

    It is for inference: it has no gradients with respect to those weights. Weights that a linear
    layer shares with something else (a tied embedding) are kept there as they are. No data are
    needed.
    """
    made = copy.deepcopy(model)
    if isinstance(made, nn.Linear):
        return Int8Linear(made.weight.detach(), _bias(made))
    for part in list(made.modules()):
        for name, layer in part.named_children():
            if isinstance(layer, nn.Linear):
                setattr(part, name, Int8Linear(layer.weight.detach(), _bias(layer)))
    return made


def product(weight: Float[Tensor, "d2 d"], bias: Float[Tensor, " d2"] | None, /) -> "Int8Linear":
    """A product for `architectures.transformer.lean`."""
    return Int8Linear(weight, bias)


def rounded(weight: Float[Tensor, "d2 d"], /) -> tuple[Int[Tensor, "d2 d"], Float[Tensor, " d2"]]:
    """Integers from -127 to 127, and the scale of each row."""
    scale = weight.abs().amax(1) / 127
    scale = scale.where(scale > 0, 1.0)
    return (weight / scale[:, None]).round().to(torch.int8), scale


class Int8Linear(nn.Module):
    """A linear layer with weights in eight bits.

    Args:
        weight: in floats.
        bias: added, in floats, or None.
    """

    numbers: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, weight: Float[Tensor, "d2 d"], bias: Float[Tensor, " d2"] | None = None, /):
        super().__init__()
        self.out_features, self.in_features = weight.shape
        numbers, scale = rounded(weight.float())
        self.register_buffer("numbers", numbers)
        self.register_buffer("scale", scale)
        self.register_buffer("bias", None if bias is None else bias.float())
        self._pack()
        self.register_load_state_dict_post_hook(lambda layer, _: layer._pack())

    def _pack(self) -> None:
        kernels = integer_kernels()
        self.packed = _packed(self.numbers, self.scale, self.bias) if kernels else None

    def forward(self, x: Float[Tensor, "... d"]) -> Float[Tensor, "... d2"]:
        """The product, in float32."""
        rows = x.reshape(-1, self.in_features)
        if self.packed is None or len(rows) > FEW or rows.device.type != "cpu":
            y = F.linear(rows.float(), self.floats(), self.bias)
        elif len(rows) == 1:
            y = torch.ops.quantized.linear_dynamic(rows, self.packed)
        else:
            one = torch.ops.quantized.linear_dynamic
            y = torch.cat([one(row, self.packed) for row in rows.split(1)])
        return y.view(*x.shape[:-1], self.out_features)

    @property
    def weight(self) -> Float[Tensor, "d2 d"]:
        """The same as `floats`, for what multiplies by a layer's weight itself."""
        return self.floats()

    def floats(self) -> Float[Tensor, "d2 d"]:
        """The rounded weights in floats."""
        return self.numbers.float().mul_(self.scale[:, None])

    def __deepcopy__(self, memo: dict[int, Any]) -> "Int8Linear":
        return self  # nothing changes it once its weights are loaded


@cache
def integer_kernels() -> bool:
    """Whether torch's integer kernels work here, by a product whose result is known."""
    try:
        numbers = torch.arange(-24, 24, dtype=torch.int8).reshape(6, 8)
        packed = _packed(numbers, torch.full((6,), 0.5), None)
        x = torch.arange(8.0)[None] - 3
        found = torch.ops.quantized.linear_dynamic(x, packed)
    except (RuntimeError, AttributeError, NotImplementedError):
        return False
    expected = x @ (numbers.float() * 0.5).t()
    return bool(((found - expected).abs() <= 0.02 * expected.abs().amax()).all())


def _packed(numbers: Tensor, scale: Tensor, bias: Tensor | None) -> Any:
    """The weights as torch's kernel wants them.

    The tensor type that carries them on the way is announced to leave torch; there is no other way
    to these kernels yet, and `integer_kernels` will find out.
    """
    make = torch._make_per_channel_quantized_tensor  # pyright: ignore[reportPrivateImportUsage]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zeros = torch.zeros(len(numbers), dtype=torch.int64)
        weight = make(numbers, scale.double(), zeros, 0)
        return torch.ops.quantized.linear_prepack(weight, bias)


def _bias(layer: nn.Linear) -> Tensor | None:
    return None if layer.bias is None else layer.bias.detach()
