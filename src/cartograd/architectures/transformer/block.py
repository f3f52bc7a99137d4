"""A transformer's block: attention and feed-forward, each with a residual connection.

As in ResNet each part only adds to its input, so that depth does no harm. Normalisation bounds the
sums. After the sum (as in the paper) it also scales the shortcut, and deep stacks need a warm-up;
before the part (usual since) the shortcut is an identity from end to end.

    post: x <- norm(x + part(x))          pre: x <- x + part(norm(x))
    parts: self-attention, attention to another sequence if there is one, feed-forward

Shapes: positions `b t d`, kept; another sequence `b s d`.

Departures: none. With order `pre` the end of the stack needs a norm of its own, which is the
model's business.

References:
    Ashish Vaswani et al. Attention is all you need. NeurIPS 2017.
    https://arxiv.org/abs/1706.03762
    Ruibin Xiong et al. On layer normalization in the transformer architecture. ICML 2020.
    https://arxiv.org/abs/2002.04745

>>> import torch
>>> parts = MultiHeadAttention(dim=8, heads=2), FeedForward(dim=8, ffn_dim=16)
>>> block = Block(attention=parts[0], feed_forward=parts[1])
>>> block(torch.zeros(2, 5, 8), causal=True).shape
torch.Size([2, 5, 8])
"""

from collections.abc import Callable
from typing import Literal

from jaxtyping import Bool, Float
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import Memory, MultiHeadAttention, Pair
from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.core.card import Card
from cartograd.training.normalization.layers import Rows, of_features
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="transformer-block",
    kind="layer",
    entry="Block",
    nodes=("transformer/residual-layernorm",),
    title="Transformer block",
    zh="Transformer 残差块",
    paper="Attention is all you need",
    year=2017,
    url="https://arxiv.org/abs/1706.03762",
    proofs=(
        "oracle: torch.nn.TransformerEncoderLayer and TransformerDecoderLayer, both orders, padded "
        "and causal, outputs and gradients to 1e-10 in float64",
        "law: with parts that answer zero, pre is the identity and post is the norm",
    ),
    evidence={
        "transformer/residual-layernorm": (
            "test_equals_torchs_encoder_layer",
            "test_equals_torchs_decoder_layer",
        ),
    },
    renamed={"floor": "eps"},
)


class Block(nn.Module):
    """Attention and feed-forward parts with residual connections.

    Args:
        attention: to the sequence itself.
        feed_forward: works on each position.
        cross: attention to another sequence, between the two.
        order: where the norms stand: `pre` or `post`.
        norm: `layer` (mean and variance), `rms` (root mean square only) or `none`.
        eps: added to the variance.
        dropout: probability that a number of a part's output is set to zero in training.
    """

    def __init__(
        self,
        *,
        attention: MultiHeadAttention,
        feed_forward: FeedForward,
        cross: MultiHeadAttention | None = None,
        order: Literal["pre", "post"] = "pre",
        norm: Rows = "layer",
        eps: float = 1e-5,
        dropout: float = 0.0,
    ):
        super().__init__()
        dim = attention.query.in_features
        self.attention, self.attention_norm = attention, of_features(dim, norm=norm, eps=eps)
        self.cross = cross
        self.cross_norm = None if cross is None else of_features(dim, norm=norm, eps=eps)
        self.feed_forward = feed_forward
        self.feed_forward_norm = of_features(dim, norm=norm, eps=eps)
        self.pre, self.dropout = order == "pre", Dropout(dropout=dropout)

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        /,
        *,
        memory: Float[Tensor, "b s d"] | Pair | None = None,
        memory_mask: Bool[Tensor, "b3 1 1 s"] | None = None,
        causal: bool = False,
        mask: Bool[Tensor, "b1 h1 t1 s1"] | None = None,
        bias: Float[Tensor, "b2 h2 t2 s1"] | None = None,
        window: int | None = None,
        rotary: Callable[[Tensor], Tensor] | None = None,
        cache: Memory | None = None,
    ) -> Float[Tensor, "b t d"]:
        """Each position after all parts.

        Args:
            x: positions.
            memory: another sequence, or its `remembered` keys and values.
            memory_mask: False at the padding of that sequence.
            causal: mask future positions.
            mask: True where a position attends.
            bias: added to the attention scores.
            window: how far a position attends.
            rotary: applies rotary positions.
            cache: keys and values of earlier positions.
        """
        x = self.beside(x, self.attention_norm, lambda y: self.attention(
            y, causal=causal, mask=mask, bias=bias, window=window, rotary=rotary, cache=cache
        ))  # fmt: skip
        cross = self.cross
        if cross is not None and self.cross_norm is not None:
            x = self.beside(x, self.cross_norm, lambda y: cross(y, memory=memory, mask=memory_mask))
        return self.beside(x, self.feed_forward_norm, self.feed_forward)

    def beside(self, x: Tensor, norm: nn.Module, part: Callable[[Tensor], Tensor], /) -> Tensor:
        """Positions after one part with its norm, where the block's order puts that."""
        if self.pre:
            return x + self.dropout(part(norm(x)))
        return norm(x + self.dropout(part(x)))
