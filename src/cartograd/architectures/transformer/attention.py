"""Attention: each position takes a mean of all positions, weighted by a softmax of scores.

The dot product of a query with each key is a score, and the values are averaged with the softmax of
the scores as weights. Several heads do so in parallel on parts of the features. In self-attention
queries, keys and values come from one sequence; in cross-attention keys and values from another.
Grouped queries share keys and values between heads, which makes the cache of decoding smaller.

    attend(q, k, v) = softmax(q k^T / sqrt(d) + bias) v
    y = concat_h(attend(x Wq_h, m Wk_h, m Wv_h)) Wo

Shapes: queries `b h t d`, keys and values `b h s d` (h of fewer heads where groups share them);
inputs `b t d`, the sequence attended to `b s d`.

Departures: queries count their positions from the end of the keys (t <= s), so that a query after
cached keys attends to these. If all keys of a query are masked it gets zeros, not NaN, and no
gradient.

References:
    Ashish Vaswani et al. Attention is all you need. NeurIPS 2017.
    https://arxiv.org/abs/1706.03762
    Joshua Ainslie et al. GQA: training generalized multi-query transformer models from multi-head
    checkpoints. EMNLP 2023. https://arxiv.org/abs/2305.13245
    Iz Beltagy, Matthew Peters, Arman Cohan. Longformer: the long-document transformer (windows).
    2020. https://arxiv.org/abs/2004.05150

>>> x = torch.randn(2, 5, 16)
>>> MultiHeadAttention(dim=16, heads=4, kv_heads=2)(x, causal=True).shape
torch.Size([2, 5, 16])
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from cartograd.architectures.transformer.eager_attention import eager_attention, learns_faster
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="multi-head-attention",
    kind="layer",
    entry="MultiHeadAttention",
    nodes=("attention/scaled-dot-product", "attention/self", "attention/multi-head"),
    title="Multi-head attention",
    zh="多头注意力",
    paper="Attention is all you need",
    year=2017,
    url="https://arxiv.org/abs/1706.03762",
    proofs=(
        "oracle: torch.nn.functional.scaled_dot_product_attention, outputs and gradients to 1e-10 "
        "in float64",
        "oracle: torch.nn.MultiheadAttention with the same weights, outputs, weights of attention "
        "and gradients to 1e-10 in float64",
        "law: equal to the formula written out, under every mix of mask, bias, window and groups",
        "law: a fully masked query gives zeros and finite gradients; padding changes nothing",
        "law: read in pieces through a cache it is the same as read at once",
        "law: eager, as it trains in half precision, it is the kernel's, to 1e-10 in float64",
        "law: dropping weights keeps the expectation",
    ),
    evidence={
        "attention/scaled-dot-product": ("test_equals_torchs_function",),
        "attention/self": ("test_equals_the_formula", "test_attention_is_drawn"),
        "attention/multi-head": ("test_equals_torchs_module", "test_equals_the_formula"),
    },
    tiny={"dim": 8, "heads": 2},
)

Pair = tuple[Float[Tensor, "b h s d1"], Float[Tensor, "b h s d1"]]
"""Keys and values, split into heads."""


@runtime_checkable
class Memory(Protocol):
    """A cache of the keys and values of earlier calls (see `cache`)."""

    def append(self, k: Tensor, v: Tensor, /) -> tuple[Tensor, Tensor]:
        """Append those of new positions; return those of all."""
        ...


def attend(
    q: Float[Tensor, "b h t d"],
    k: Float[Tensor, "b h1 s d"],
    v: Float[Tensor, "b h1 s d1"],
    /,
    *,
    causal: bool = False,
    mask: Bool[Tensor, "b1 h2 t1 s"] | None = None,
    bias: Float[Tensor, "b2 h3 t2 s"] | None = None,
    scale: float | None = None,
    window: int | None = None,
    dropout: float = 0.0,
) -> Float[Tensor, "b h t d1"]:
    """Scaled dot-product attention.

    Args:
        q: queries; number i stands at position `i + s - t` of the keys.
        k: keys. Where they have fewer heads, each is shared by neighbouring heads of queries.
        v: values.
        causal: mask future positions.
        mask: True where a query attends; broadcast over the batch, heads and queries.
        bias: added to the scaled scores; broadcast like the mask.
        scale: factor on the scores; `d ** -0.5` if not given.
        window: a query attends to positions less than this far from its own.
        dropout: probability that an attention weight is set to zero.

    Raises:
        UsageError: the heads of the queries are no multiple of those of the keys.
    """
    heads, t, groups, s = q.shape[1], q.shape[2], k.shape[1], k.shape[2]
    if heads % groups:
        raise UsageError(
            f"attention: {groups} heads of keys cannot serve {heads} heads of queries; "
            f"expected a multiple"
        )
    scored = bias is not None and bias.shape[1] > 1
    if groups < heads and t == 1 and not scored and (mask is None or mask.shape[1] == 1):
        # One query: its heads take the place of time, so that no key is copied for decoding.
        q = q.reshape(q.shape[0], groups, heads // groups, q.shape[3])
        seen = _seen(q, 1, s, causal, window, mask)
        y = attend(q, k, v, mask=seen, bias=bias, scale=scale, dropout=dropout)
        return y.reshape(q.shape[0], heads, 1, v.shape[3])
    if learns_faster(q, s, dropout):
        return eager_attention(
            q, k, v, seen=_seen(q, t, s, causal, window, mask), bias=bias, scale=scale,
            dropout=dropout,
        )  # fmt: skip
    plain = causal and t == s and mask is None and bias is None and window is None
    return F.scaled_dot_product_attention(
        q,
        k,
        v,
        attn_mask=None if plain else _scores(_seen(q, t, s, causal, window, mask), bias, q.dtype),
        dropout_p=dropout,
        is_causal=plain,
        scale=scale,
        enable_gqa=groups < heads,
    )


def _seen(
    q: Tensor, t: int, s: int, causal: bool, window: int | None, mask: Tensor | None
) -> Tensor | None:
    """The mask of `causal`, `mask` and `window` combined; None if nothing is masked."""
    if t == 1:
        causal = False  # the last position sees all
    if not causal and (window is None or window >= s):
        return mask
    ahead = torch.arange(s, device=q.device) - torch.arange(s - t, s, device=q.device)[:, None]
    seen = ahead <= 0 if causal else ahead < (window or s)
    if window is not None:
        seen = seen & (ahead > -window)
    return seen[None, None] if mask is None else seen & mask


def _scores(seen: Tensor | None, bias: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    if seen is None or bias is None:
        return seen if bias is None else bias.to(dtype)
    return bias.to(dtype).masked_fill(~seen, -torch.inf)


class MultiHeadAttention(nn.Module):
    """Multi-head attention, to the same sequence or to another.

    Args:
        dim: features of the input and of the output.
        heads: number of heads of the queries.
        kv_heads: of keys and values; as many as of queries if not given.
        head_dim: features of each head; `dim / heads` if not given.
        biases: which projections add a bias: letters of `qkvo`.
        scale: factor on the scores; `head_dim ** -0.5` if not given.
        dropout: probability that an attention weight is set to zero in training.
        memory_dim: features of the sequence attended to; `dim` if not given.

    Raises:
        UsageError: the heads cannot share the features.
    """

    def __init__(
        self,
        *,
        dim: int,
        heads: int,
        kv_heads: int | None = None,
        head_dim: int | None = None,
        biases: str = "qkvo",
        scale: float | None = None,
        dropout: float = 0.0,
        memory_dim: int | None = None,
    ):
        super().__init__()
        groups = heads if kv_heads is None else kv_heads
        if head_dim is None and dim % heads:
            raise UsageError(
                f"attention: {heads} heads cannot share {dim} features; expected a divisor of {dim}"
            )
        if heads % groups:
            raise UsageError(f"attention: kv_heads={groups} is no divisor of heads={heads}")
        self.width = dim // heads if head_dim is None else head_dim
        self.scale, self.dropout = scale, Dropout(dropout=dropout)
        self.query = nn.Linear(dim, heads * self.width, bias="q" in biases)
        seen = dim if memory_dim is None else memory_dim
        self.key = nn.Linear(seen, groups * self.width, bias="k" in biases)
        self.value = nn.Linear(seen, groups * self.width, bias="v" in biases)
        self.out = nn.Linear(heads * self.width, dim, bias="o" in biases)
        for part in (self.query, self.key, self.value, self.out):
            nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        /,
        *,
        memory: Float[Tensor, "b s d2"] | Pair | None = None,
        causal: bool = False,
        mask: Bool[Tensor, "b1 h1 t1 s1"] | None = None,
        bias: Float[Tensor, "b2 h2 t2 s1"] | None = None,
        window: int | None = None,
        rotary: Callable[[Tensor], Tensor] | None = None,
        cache: Memory | None = None,
    ) -> Float[Tensor, "b t d"]:
        """The output of attention at each position.

        Args:
            x: positions of the queries.
            memory: the sequence attended to, or its `remembered` keys and values; x itself if not
                given.
            causal: mask future positions.
            mask: True where a position attends, as of `attend`.
            bias: added to the scaled scores.
            window: a position attends to those less than this far from its own.
            rotary: applies rotary positions to queries and keys (see `positions`).
            cache: holds the keys and values of earlier positions; those of x are added.
        """
        q, k, v = self._heads(x, memory, rotary, cache)
        y = attend(
            q, k, v, causal=causal, mask=mask, bias=bias, scale=self.scale, window=window,
            dropout=self.dropout.now,
        )  # fmt: skip
        return self.out(y.transpose(1, 2).flatten(2))

    @property
    def kv_heads(self) -> int:
        """How many heads of keys and values there are, also after some were pruned."""
        return self.key.out_features // self.width

    def remembered(self, memory: Float[Tensor, "b s d"], /) -> Pair:
        """Keys and values of a sequence that is attended to more than once."""
        return self._split(self.key(memory)), self._split(self.value(memory))

    def weights(
        self,
        x: Float[Tensor, "b t d"],
        /,
        *,
        memory: Float[Tensor, "b s d2"] | Pair | None = None,
        causal: bool = False,
        mask: Bool[Tensor, "b1 h1 t1 s1"] | None = None,
        bias: Float[Tensor, "b2 h2 t2 s1"] | None = None,
        window: int | None = None,
        rotary: Callable[[Tensor], Tensor] | None = None,
    ) -> Float[Tensor, "b h t s1"]:
        """The attention weights that `forward` uses, in evaluation; arguments as there."""
        q, k, _ = self._heads(x, memory, rotary, None)
        each = torch.eye(k.shape[2], dtype=k.dtype, device=k.device).expand(*k.shape[:3], -1)
        return attend(
            q, k, each, causal=causal, mask=mask, bias=bias, scale=self.scale, window=window
        )

    def _heads(
        self,
        x: Tensor,
        memory: Tensor | Pair | None,
        rotary: Callable[[Tensor], Tensor] | None,
        cache: Memory | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        q = self._split(self.query(x))
        k, v = (
            memory
            if isinstance(memory, tuple)
            else self.remembered(x if memory is None else memory)
        )
        if rotary is not None:
            q, k = rotary(q), rotary(k)
        if cache is not None:
            k, v = cache.append(k, v)
        return q, k, v

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (-1, self.width)).transpose(1, 2)
