"""Half-precision weights: sixteen bits a number in place of thirty-two.

A float16 has ten bits behind the point and reaches to 65,504; a bfloat16 has seven, and the range
of a float32. Weights of linear layers, convolutions and embeddings are kept so; half the bytes are
read, and a processor with products in bfloat16 takes inputs so, too, and sums in float32.

    |w~ - w| <= |w| 2^-11 (float16),   |w| 2^-8 (bfloat16)

Shapes: a model's inputs and outputs as before.

Departures: float16, and bfloat16 where a processor has no products in it or does not give the
exact ones (`core.kernels`), is made float32 for each product: the same weights, no faster. Norms,
recurrent layers and what else is no such layer stay in float32.

References:
    Paulius Micikevicius et al. Mixed precision training. 2017, ICLR 2018.
    https://arxiv.org/abs/1710.03740
    Dhiraj Kalamkar et al. A study of BFLOAT16 for deep learning training. 2019.
    https://arxiv.org/abs/1905.12322

>>> layer = torch.nn.Linear(64, 32)
>>> small = half_weights(layer)
>>> small.numbers.dtype
torch.float16
>>> x = torch.randn(5, 64)
>>> torch.allclose(small(x), layer(x), atol=1e-2)
True
"""

import copy
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batches
from cartograd.practice.compression.fast_weights import exact
from cartograd.practice.compression.folding import roundable
from cartograd.practice.compression.integer_kernels import geometry_of, in_floats
from cartograd.practice.compression.own_type import keeping, type_after

CARD = Card(
    name="half-weights",
    kind="compressor",
    entry="half_weights",
    nodes=("compress/quantize-ptq",),
    title="Half-precision weights",
    zh="半精度权重",
    aliases=("half", "fp16", "bf16"),
    paper="Mixed precision training",
    year=2017,
    url="https://arxiv.org/abs/1710.03740",
    proofs=(
        "oracle: the layer of torch with the weights of torch's cast, outputs and input gradients",
        "law: a weight is off by half a unit of its last place; one beyond float16 is refused",
        "law: compressed by a verb, the size halves, and time and accuracy stand side by side",
    ),
    tiny={"precision": "bf16"},
    evidence={"compress/quantize-ptq": ("test_half_the_size_with_time_and_accuracy_beside",)},
)

TYPES = {"float16": torch.float16, "bf16": torch.bfloat16}


def half_weights(
    model: nn.Module,
    data: Batches | None = None,  # noqa: ARG001
    /,
    *,
    precision: Literal["float16", "bf16"] = "float16",
) -> nn.Module:
    """A copy of a model whose layers keep their weights in sixteen bits.

    It is for inference: it has no gradients with respect to those weights.

    Args:
        model: of any kind.
        data: not looked at.
        precision: float16, the finer one, or bf16, the wider one.

    Raises:
        UsageError: a weight is too large for float16.
    """
    made = copy.deepcopy(model)
    if _halved(made):
        return HalfLayer(made, TYPES[precision], "the layer")
    ready = dict[int, HalfLayer]()
    for path, part in list(made.named_modules()):
        for name, layer in list(part._modules.items()):  # also one that was there before
            if layer is not None and _halved(layer):
                place = f"{path}.{name}".lstrip(".")
                if id(layer) not in ready:
                    ready[id(layer)] = HalfLayer(layer, TYPES[precision], place)
                setattr(part, name, ready[id(layer)])
    return made


def _halved(layer: nn.Module) -> bool:
    return roundable(layer) or (type(layer) is nn.Embedding and layer.max_norm is None)


class HalfLayer(nn.Module):
    """A layer with weights in sixteen bits.

    Args:
        layer: in float32: linear, a convolution, or an embedding.
        dtype: of the weights.
        name: of the layer, for errors.
    """

    simulates = False
    dtype = torch.float32
    numbers: Tensor
    bias: Tensor | None

    def __init__(self, layer: nn.Module, dtype: torch.dtype, name: str, /):
        super().__init__()
        weight = layer.get_parameter("weight").detach()
        if bool((weight.abs() > torch.finfo(dtype).max).any()):
            raise UsageError(
                f"{name} has a weight that is too large for float16; take precision=bf16"
            )
        self.looks_up = isinstance(layer, nn.Embedding)
        self.geometry = geometry_of(layer)
        bias = layer._parameters.get("bias")
        self.register_buffer("numbers", weight.to(dtype))
        self.register_buffer("bias", None if bias is None else bias.detach().float())

    @property
    def weight(self) -> Float[Tensor, "d2 ..."]:
        """The rounded weights in float32."""
        return self.numbers.float()

    def forward(self, x: Shaped[Tensor, "..."]) -> Float[Tensor, "..."]:
        """What the layer computes, in float32, or in the type that the model was given."""
        if self.looks_up:
            return F.embedding(x, self.numbers).to(self.dtype)
        return self._answered(x.float()).to(self.dtype)

    def _answered(self, x: Tensor) -> Tensor:
        if self.geometry.around:
            x = F.pad(x, self.geometry.around, self.geometry.mode)
        if self.numbers.dtype == torch.bfloat16 and x.device.type == "cpu" and multiplies():
            bias = None if self.bias is None else self.bias.to(torch.bfloat16)
            if not torch.compiler.is_compiling() and not self.simulates:
                rounded = x.to(torch.bfloat16)
                return in_floats(rounded, self.numbers, bias, self.geometry).float()
        return in_floats(x, self.weight, self.bias, self.geometry)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "HalfLayer":
        """Answers are of the type that is asked for; what is kept stays as it is."""
        self.dtype = type_after(fn, self.dtype)
        super()._apply(keeping(fn), recurse)
        return self

    def rounding(self) -> float:
        """The coarsest step to which a machine may round inputs, as a share of the largest."""
        wide = self.numbers.dtype == torch.bfloat16 and not self.looks_up
        return torch.finfo(torch.bfloat16).eps if wide else 0.0

    def __deepcopy__(self, memo: dict[int, Any]) -> "HalfLayer":
        return self  # nothing changes it once its weights are loaded


@cache
def multiplies() -> bool:
    """Whether this processor has products in bfloat16, and gives the exact ones."""
    return torch.cpu._is_avx512_bf16_supported() and exact(torch.bfloat16)
