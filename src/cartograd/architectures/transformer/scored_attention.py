"""Attention inside today's decoders: queries and keys with norms, capped scores, learned sinks.

Three mends of attention in large models, each on or off. Norms bound queries and keys, so that no
score explodes in training. A cap bends the scores by a tanh instead. A sink is a score that each
head may spend on nothing, so that a head with nothing to look at need not look at the first token.

    q <- norm(q), k <- norm(k), then rotated;   z = scale q k^T;   z <- cap tanh(z / cap)
    y = softmax([z, sink])_without_the_last v

Shapes: positions `b t d`; queries `b h t d`, keys and values of fewer heads `b h s d`.

Departures: without cap and sinks it is `attend`, torch's kernel; with them the formula, which keeps
all scores.

References:
    Alex Henry et al. Query-key normalization for transformers. 2020.
    https://arxiv.org/abs/2010.04245
    Gemma team. Gemma 2: improving open language models at a practical size. 2024 (caps).
    https://arxiv.org/abs/2408.00118
    Guangxuan Xiao et al. Efficient streaming language models with attention sinks. 2023, ICLR 2024.
    https://arxiv.org/abs/2309.17453
    OpenAI. gpt-oss-120b and gpt-oss-20b model card. 2025 (learned sinks).
    https://arxiv.org/abs/2508.10925

>>> x = torch.randn(2, 5, 16)
>>> layer = ScoredAttention(dim=16, heads=4, kv_heads=2, head_dim=6, qk_norm="head")
>>> layer(x, turn=lambda x: x).shape
torch.Size([2, 5, 16])
"""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import Memory, attend
from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="scored-attention",
    kind="layer",
    entry="ScoredAttention",
    nodes=("attention/multi-head",),
    title="Attention with norms, caps and sinks",
    zh="带归一化、软上限与汇聚项的注意力",
    paper="Gemma 2: improving open language models at a practical size",
    year=2024,
    url="https://arxiv.org/abs/2408.00118",
    proofs=(
        "law: with neither cap nor sinks, or with a cap that is out of reach and sinks of no "
        "weight, it is attention, to 1e-10 in float64",
        "law: a position sees none after it, and none beyond its window",
    ),
    tiny={"dim": 8, "heads": 2},
)


class ScoredAttention(nn.Module):
    """Causal attention of a sequence to itself.

    Args:
        dim: features of the input and of the output.
        heads: number of heads of the queries.
        kv_heads: of keys and values; as many as of queries if not given.
        head_dim: features of each head; `dim / heads` if not given.
        biases: which projections add a bias: letters of `qkvo`.
        qk_norm: norms of queries and keys: of each `head`, over `all` heads, or `none`.
        scale: factor on the scores; `head_dim ** -0.5` if not given.
        attention_cap: bound of the scores; none if not given.
        attention_sinks: whether each head has a score to spend on nothing.
        eps: added under the root of the norms.

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
        biases: str = "",
        qk_norm: Literal["none", "head", "all"] = "none",
        scale: float | None = None,
        attention_cap: float | None = None,
        attention_sinks: bool = False,
        eps: float = 1e-6,
    ):
        super().__init__()
        groups = heads if kv_heads is None else kv_heads
        if heads % groups or (head_dim is None and dim % heads):
            raise UsageError(
                f"attention: kv_heads={groups} has to divide heads={heads}, and these dim={dim}, "
                "where no head_dim is given"
            )
        width = dim // heads if head_dim is None else head_dim
        self.width, self.cap = width, attention_cap
        self.scale = width**-0.5 if scale is None else scale
        self.query = nn.Linear(dim, heads * width, bias="q" in biases)
        self.key = nn.Linear(dim, groups * width, bias="k" in biases)
        self.value = nn.Linear(dim, groups * width, bias="v" in biases)
        self.out = nn.Linear(heads * width, dim, bias="o" in biases)
        self.per_head = qk_norm == "head"
        sizes = (width, width) if self.per_head else (heads * width, groups * width)
        norms = [nn.RMSNorm(n, eps=eps) if qk_norm != "none" else None for n in sizes]
        self.query_norm, self.key_norm = norms
        self.sinks = nn.Parameter(torch.zeros(heads)) if attention_sinks else None

    @property
    def kv_heads(self) -> int:
        """How many heads of keys and values there are."""
        return self.key.out_features // self.width

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        /,
        *,
        turn: Callable[[Tensor], Tensor] | None = None,
        mask: Bool[Tensor, "b 1 1 s"] | None = None,
        window: int | None = None,
        cache: Memory | None = None,
    ) -> Float[Tensor, "b t d"]:
        """The output of attention at each position.

        Args:
            x: positions.
            turn: applies rotary positions to queries and keys.
            mask: False at padding.
            window: a position attends to those less than this far before it, and itself.
            cache: holds the keys and values of earlier positions; those of x are added.
        """
        q, k, v = self.projected(x, turn)
        if cache is not None:
            k, v = cache.append(k, v)
        y = self.mixed(q, k, v, mask=mask, window=window)
        return self.out(y.transpose(1, 2).flatten(2))

    def projected(
        self, x: Float[Tensor, "b t d"], turn: Callable[[Tensor], Tensor] | None, /
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of positions, with norms and turned."""
        q = self._heads(self.query(x), self.query_norm)
        k = self._heads(self.key(x), self.key_norm)
        v = self._heads(self.value(x), None)
        return (q, k, v) if turn is None else (turn(q), turn(k), v)

    def mixed(
        self, q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h1 s d"],
        v: Float[Tensor, "b h1 s d"], /, *, mask: Bool[Tensor, "b 1 1 s"] | None,
        window: int | None,
    ) -> Float[Tensor, "b h t d"]:  # fmt: skip
        """The values that each query finds; arguments as of `forward`."""
        if self.cap is None and self.sinks is None:
            return attend(q, k, v, causal=True, mask=mask, window=window, scale=self.scale)
        seen = visible(q.shape[2], k.shape[2], window, q.device)
        return scored(
            q, k, v, seen if mask is None else seen & mask, scale=self.scale,
            attention_cap=self.cap, sinks=self.sinks,
        )  # fmt: skip

    def _heads(self, x: Tensor, norm: nn.Module | None) -> Tensor:
        if norm is not None and not self.per_head:
            x = norm(x)
        x = x.unflatten(2, (-1, self.width))
        if norm is not None and self.per_head:
            x = norm(x)
        return x.transpose(1, 2)


def scored(
    q: Float[Tensor, "b h t d"], k: Float[Tensor, "b h1 s d"], v: Float[Tensor, "b h1 s d"],
    seen: Bool[Tensor, "... t s"], /, *, scale: float, attention_cap: float | None,
    sinks: Float[Tensor, " h"] | None,
) -> Float[Tensor, "b h t d"]:  # fmt: skip
    """The formula, in float32 at least; rows that see nothing get a mean of all.

    Args:
        q: queries.
        k: keys, of as many heads or fewer.
        v: values, of as many as keys.
        seen: True where a query attends.
        scale: factor on the scores.
        attention_cap: their bound, or None.
        sinks: what each head may spend on nothing, or None.
    """
    heads, t = q.shape[1:3]
    grouped = q.reshape(q.shape[0], k.shape[1], -1, q.shape[3])  # no key is copied
    fits = (grouped @ k.mT * scale).view(q.shape[0], heads, t, k.shape[2])
    fits = fits if fits.dtype == torch.float64 else fits.float()
    if attention_cap is not None:
        fits = attention_cap * torch.tanh(fits / attention_cap)
    fits = fits.masked_fill(~seen, torch.finfo(fits.dtype).min)
    if sinks is not None:
        spent = sinks.to(fits.dtype)[:, None, None].expand(*fits.shape[:3], 1)
        fits = torch.cat([fits, spent], 3)
    shares = fits.softmax(3)[..., : k.shape[2]].to(v.dtype)
    return (shares.reshape(*grouped.shape[:3], -1) @ v).view_as(q)


def visible(t: int, s: int, window: int | None, device: torch.device, /) -> Bool[Tensor, "t s"]:
    """Which of s positions the last t see: none after them, and none beyond the window.

    >>> visible(2, 4, 2, torch.device("cpu")).int().tolist()
    [[0, 1, 1, 0], [0, 0, 1, 1]]
    """
    ahead = torch.arange(s, device=device) - torch.arange(s - t, s, device=device)[:, None]
    return (ahead <= 0) & (ahead > -(window or s))
