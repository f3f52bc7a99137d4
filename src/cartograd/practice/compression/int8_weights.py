"""int8 weights: a quarter of the bytes, and of the time where memory bandwidth limits it.

Each row of a weight has a scale of its own, so that its largest number becomes 127. The inputs are
rounded to eight bits too, each row by its own range, so that no row depends on another, and the
product is one of integers. Torch's kernel has one range for all rows; so several rows are brought
to the numbers 0 to 255 before it, and their own ranges come back after it.

    W_ij ~ s_i q_ij,   s_i = max_j |W_ij| / 127,   q_ij = round(W_ij / s_i)
    x_j ~ r (p_j - z),   W x ~ r (s q p - z s sum_j q_j)

Shapes: weights `d2 d`; a model's inputs and outputs as before.

Departures: where a gradient is asked of the inputs, they are not rounded. Else none where torch's
integer kernels are exact on this processor. Where they cut off sums that do not fit (AVX2 without
VNNI), inputs are rounded to seven bits, whose sums fit; where that is not exact either, the rounded
weights are made floats for each product: the same weights, but slow. A product of whole numbers
over the full range finds out (see `core.kernels`). So are small layers that are quicker in floats
(`quicker`), of one row as of many.

References:
    Benoit Jacob et al. Quantization and training of neural networks for efficient
    integer-arithmetic-only inference. 2017, CVPR 2018. https://arxiv.org/abs/1712.05877

>>> import torch
>>> layer = torch.nn.Linear(64, 32)
>>> x = torch.randn(1, 64)
>>> error = int8_weights(layer)(x) - layer(x)
>>> (error.norm() / layer(x).norm()).item() < 0.05
True
"""

import copy
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batches
from cartograd.practice.compression.biases import bias_of
from cartograd.practice.compression.few_chain import chained
from cartograd.practice.compression.int8_linear import Int8Linear

CARD = Card(
    name="int8-weights",
    kind="compressor",
    entry="int8_weights",
    nodes=("compress/quantize-ptq",),
    title="Eight-bit weights",
    zh="8 位整数权重",
    aliases=("quantize",),
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
        "law: over the full range of whole numbers products are the exact ones, with eight bits of "
        "the inputs or, where these do not fit, with seven",
        "law: no row depends on another, and many are as near to the floats as one; without "
        "integer kernels the result is that of the rounded weights in floats",
    ),
    evidence={
        "compress/quantize-ptq": ("test_equals_torchs_dynamic_quantisation", "claim:int8-faster")
    },
)


def int8_weights(
    model: nn.Module,
    data: Batches | None = None,  # noqa: ARG001
    /,
    *,
    bits: Literal[8] = 8,  # noqa: ARG001
) -> nn.Module:
    """A copy of a model whose linear layers keep their weights in eight bits.

    It is for inference: it has no gradients with respect to those weights. Weights that a linear
    layer shares with something else (a tied embedding) are kept there as they are. No data are
    needed.

    Args:
        model: of any kind.
        data: not looked at.
        bits: of a weight; 8 is what there is.

    Raises:
        UsageError: the model has no linear layer.
    """
    made = copy.deepcopy(model)
    if isinstance(made, nn.Linear):
        return Int8Linear(made.weight.detach(), bias_of(made))
    if not any(isinstance(part, nn.Linear) for part in made.modules()):
        raise UsageError(
            "this model has no linear layer left whose weights could be rounded; quantize-static "
            "rounds convolutions, too"
        )
    for part in list(made.modules()):
        for name, layer in part.named_children():
            if isinstance(layer, nn.Linear):
                setattr(part, name, Int8Linear(layer.weight.detach(), bias_of(layer)))
    return chained(made)


def product(weight: Float[Tensor, "d2 d"], bias: Float[Tensor, " d2"] | None, /) -> Int8Linear:
    """A product for `architectures.transformer.inference_form`."""
    return Int8Linear(weight, bias)
