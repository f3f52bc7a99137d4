"""LoRA: a low-rank change beside each weight of a network that stays as it is.

What fine-tuning adds to a weight is nearly of low rank; so it is learned as a product of two thin
matrices, a hundredth of the weight's size. The first begins at random and the second at zero, so
that the network begins as it was; at the end the product is added to the weight, and nothing is
left that would take time or memory. Of a convolution the first is a convolution to `r` channels
and the second one of a single pixel.

    y = W x + (alpha / r) B A x,    A: r x d, B: d2 x r = 0 at first

Shapes: those of the layer; `r (d + d2)` numbers beside its `d d2` (`d` times the pixels of the
kernel, of a convolution).

A rank that no weight has is refused; where some have less, what is above it changes nothing more.

Departures: beside every dense layer and convolution unless told otherwise (the paper takes the
projections of attention); alpha is the rank unless given, so that the product counts once.

References:
    Edward Hu, Yelong Shen, Phillip Wallis, Zeyuan Allen-Zhu, Yuanzhi Li, Shean Wang, Lu Wang,
    Weizhu Chen. LoRA: low-rank adaptation of large language models. ICLR 2022.
    https://arxiv.org/abs/2106.09685

>>> from cartograd.training.adapters.beside import merged
>>> model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))
>>> lora(model, rank=2, match="0")
['0']
>>> sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
24
>>> list(merged(model).state_dict())
['0.weight', '0.bias', '2.weight', '2.bias']
"""

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.training.adapters.beside import places, put_beside

CARD = Card(
    name="lora",
    kind="adapter",
    entry="lora",
    nodes=("llm/lora",),
    title="LoRA (low-rank adaptation)",
    zh="LoRA（低秩适配）",
    paper="LoRA: low-rank adaptation of large language models",
    year=2022,
    url="https://arxiv.org/abs/2106.09685",
    proofs=(
        "law: every model begins as it was to the bit, and merged answers as beside, to 1e-10",
        "law: r (d + d2) numbers learn for each weight, and nothing else moves",
        "oracle: peft's LoRA on dense layers and convolutions, outputs and gradients, to 1e-12",
        "paper: 4.7 million numbers in GPT-3 at rank 1 of queries and values",
    ),
    evidence={
        "llm/lora": (
            "test_every_model_begins_as_it_was_and_is_merged_exactly",
            "test_so_many_numbers_learn_and_nothing_else_moves",
            "test_llama_cpp_writes_the_same_from_the_file_of_a_tuned_model",
            "acceptance:lora-digits",
        ),
    },
    tiny={"rank": 2},
)

POINTWISE = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


class LowRank(nn.Module):
    """A change of a layer's weight by two thin factors.

    Args:
        layer: dense, or a convolution.
        rank: of the change.
        scale: of the product.
        dropout: share of the inputs that are dropped in training.
    """

    def __init__(self, layer: nn.Module, /, *, rank: int, scale: float, dropout: float):
        super().__init__()
        weight = layer.weight
        assert isinstance(weight, nn.Parameter)
        ones = [1] * (weight.ndim - 2)
        self.down = _narrowed(layer, rank)
        self.up = nn.Parameter(weight.new_zeros(weight.shape[0], rank, *ones))
        self.drop, self.scale = nn.Dropout(dropout), scale

    @property
    def idle(self) -> str:
        """How many of its ranks change nothing more, as the weight has not so many.

        Of a layer of one number nothing is said: any rank is above its own.
        """
        down = self.down.weight
        assert isinstance(down, Tensor)
        rank, most = len(down), min(len(self.up), down[0].numel())
        return f"(rank {most} at most, not {rank})" if rank > most > 1 else ""

    def forward(self, x: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
        """What is added to the layer's answer."""
        inside = self.down(self.drop(x))
        if self.scale != 1:  # of `r` numbers, which are fewer than the layer's
            inside = self.scale * inside
        return POINTWISE.get(self.up.ndim - 2, F.linear)(inside, self.up)

    def difference(self, _: Float[Tensor, "..."], /) -> Float[Tensor, "..."]:
        """What is added to the layer's weight."""
        down = self.down.weight
        assert isinstance(down, Tensor)
        return self.scale * (self.up.flatten(1) @ down.flatten(1)).view(-1, *down.shape[1:])


def lora(
    model: nn.Module,
    /,
    *,
    rank: int = 8,
    alpha: float | None = None,
    match: str = "*",
    dropout: float = 0.0,
) -> list[str]:
    """Put a low-rank change beside layers of a model, and hold everything else as it is.

    Args:
        model: has learned something; gets the changes.
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

    check_rank(places(model, match=match), rank)
    return put_beside(model, change, match=match)


def check_rank(layers: Mapping[str, nn.Module], rank: int, /) -> None:
    """Refuse a rank that none of the weights can have.

    Raises:
        UsageError: it is above that of all.
    """
    most = max(_most(layer.weight) for layer in layers.values())
    if rank > most:
        raise UsageError(
            f"rank={rank} is more than any of the {len(layers)} weights can have, {most} at most; "
            f"expected a small one such as {max(1, most // 4)}"
        )


def _most(weight: Any) -> int:
    """The highest rank that a weight can have, as the matrix that it is."""
    return min(weight.flatten(1).shape)


def _narrowed(layer: nn.Module, rank: int) -> nn.Module:
    """The layer with `rank` outputs, new weights and no bias.

    A copy, so that it treats the edges of pictures and the strides as the layer does.
    """
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, nn.Parameter)
    thin = nn.Parameter(weight.new_empty(rank, *weight.shape[1:]))
    nn.init.kaiming_uniform_(thin, a=math.sqrt(5))
    made = copy.deepcopy(layer, {id(weight): thin} | ({} if bias is None else {id(bias): None}))
    for hooks in (made._forward_hooks, made._forward_pre_hooks):
        hooks.clear()
    setattr(made, "out_features" if isinstance(made, nn.Linear) else "out_channels", rank)
    return made
