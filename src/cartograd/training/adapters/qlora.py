r"""QLoRA: a low-rank change beside weights that are kept in four bits.

What stays as it is needs no gradient, and so no precision: each block of 64 weights is divided by
its largest, and of each quotient the nearest of 16 levels is kept, those that a normal distribution
fills evenly (NF4). A weight takes 4.5 bits in the place of 32 and is made a float again when its
layer is called, forward and backward; what learns beside it are floats.

    y = c(q) x + (alpha / r) B A x,    c(q) = s_b level_q,    s_b = max |w| of block b

Shapes: those of the layer.

Departures: scales are float32, without the second quantisation of the paper (4.5 bits a weight,
not 4.1). Only dense layers are rounded; convolutions get a change beside their floats. In files a
weight stands as the float that it counts for.

References:
    Tim Dettmers, Artidoro Pagnoni, Ari Holtzman, Luke Zettlemoyer. QLoRA: efficient finetuning of
    quantized LLMs. NeurIPS 2023. https://arxiv.org/abs/2305.14314

>>> model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 3))
>>> qlora(model, rank=2, match="0")
['0']
>>> model[0].codes.numel(), model[0].scales.numel()
(1024, 32)
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.training.adapters.beside import places, put_beside
from cartograd.training.adapters.lora import LowRank, check_rank

CARD = Card(
    name="qlora",
    kind="adapter",
    entry="qlora",
    nodes=("llm/lora",),
    title="QLoRA (low-rank adaptation of 4-bit weights)",
    zh="QLoRA（4 比特权重上的低秩适配）",
    paper="QLoRA: efficient finetuning of quantized LLMs",
    year=2023,
    url="https://arxiv.org/abs/2305.14314",
    proofs=(
        "paper: the sixteen levels of appendix E, which are the quantiles that section 3 describes",
        "law: each weight becomes the nearest of its block's levels; rounded again it stays",
        "law: merged answers as beside, and gradients are those of a dense layer of the same "
        "numbers, to 1e-12 in float64",
    ),
    tiny={"rank": 2},
)

LEVELS = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
)  # fmt: skip
"""NF4, appendix E."""

BLOCK = 64
"""Weights that share a scale."""


class FourBits(nn.Module):
    """A dense layer whose weight is kept in four bits and does not learn.

    Args:
        layer: a dense one, whose weight is rounded.
    """

    codes: Tensor
    scales: Tensor

    def __init__(self, layer: nn.Module, /):
        super().__init__()
        weight = layer.weight
        assert isinstance(weight, Tensor)
        self.out_features, self.in_features = weight.shape
        self.bias = layer.bias
        self.train(layer.training)
        codes, scales = rounded(weight.detach())
        self.register_buffer("codes", codes, persistent=False)
        self.register_buffer("scales", scales, persistent=False)

    @property
    def weight(self) -> Float[Tensor, "d2 d"]:
        """The weight that the codes stand for."""
        return floats(self.codes, self.scales, (self.out_features, self.in_features))

    def forward(self, x: Float[Tensor, "... d"]) -> Float[Tensor, "... d2"]:
        """The layer's answer."""
        said = _Product.apply(x, self.codes, self.scales, self.out_features)
        return said if self.bias is None else said + self.bias

    def plain(self) -> nn.Linear:
        """The layer with its weight in floats."""
        made = nn.Linear(self.in_features, self.out_features, bias=False, device="meta")
        made.weight = nn.Parameter(self.weight.clone(), requires_grad=False)
        made.register_parameter("bias", self._parameters.get("bias"))
        return made.train(self.training)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}weight"] = self.weight

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        weight = state_dict.pop(f"{prefix}weight", None)
        if weight is None:
            missing_keys.append(f"{prefix}weight")
        else:
            codes, scales = rounded(weight.to(self.scales.dtype))
            self.codes.copy_(codes)
            self.scales.copy_(scales)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class _Product(torch.autograd.Function):
    """A product with a weight that exists as floats only while it is needed."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, codes: Tensor, scales: Tensor, rows: int) -> Tensor:
        ctx.save_for_backward(codes, scales)
        ctx.shape = rows, x.shape[-1]
        return F.linear(x, floats(codes, scales, ctx.shape).to(x.dtype))

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        (dy,), (codes, scales) = grads, ctx.saved_tensors
        return dy @ floats(codes, scales, ctx.shape).to(dy.dtype), None, None, None


def rounded(weight: Float[Tensor, "d2 d"], /) -> tuple[Shaped[Tensor, " n"], Float[Tensor, " m"]]:
    """A weight as codes, two in a byte, and a scale for each block."""
    flat = F.pad(weight.flatten(), (0, -weight.numel() % BLOCK)).view(-1, BLOCK)
    scales = flat.abs().amax(1)
    levels = flat.new_tensor(LEVELS)
    shares = flat / scales.clamp_min(torch.finfo(flat.dtype).tiny)[:, None]
    codes = torch.bucketize(shares, (levels[1:] + levels[:-1]) / 2).to(torch.uint8).flatten()
    return codes[::2] * 16 + codes[1::2], scales


def floats(
    codes: Shaped[Tensor, " n"], scales: Float[Tensor, " m"], shape: tuple[int, int], /
) -> Float[Tensor, "d2 d"]:
    """The weight that codes and scales stand for."""
    levels = scales.new_tensor(LEVELS)
    pairs = torch.stack([codes // 16, codes % 16], 1).flatten().int()
    whole = levels[pairs].view(-1, BLOCK) * scales[:, None]
    return whole.flatten()[: shape[0] * shape[1]].view(shape)


def qlora(
    model: nn.Module,
    /,
    *,
    rank: int = 8,
    alpha: float | None = None,
    match: str = "*",
    dropout: float = 0.0,
) -> list[str]:
    """Keep dense layers of a model in four bits, with a low-rank change beside each that learns.

    Args:
        model: has learned something; its layers are rounded, and get the changes.
        rank: `r`, of each change.
        alpha: how much the product counts, in ranks; the rank itself if not given.
        match: pattern of the names of the layers, as of files in a shell: `*attention*`.
        dropout: share of a layer's inputs that the change does not see in training.

    Returns:
        The names of the layers.

    Raises:
        UsageError: no layer fits, there are changes already, or the rank is above that of all of
            their weights.
    """

    def change(layer: nn.Module) -> LowRank:
        return LowRank(layer, rank=rank, scale=(alpha or rank) / rank, dropout=dropout)

    def small(layer: nn.Module) -> nn.Module:
        return FourBits(layer) if isinstance(layer, nn.Linear) else layer

    check_rank(places(model, match=match), rank)
    return put_beside(model, change, match=match, small=small)
