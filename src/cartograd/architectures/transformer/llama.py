"""LLaMA: the decoder that most open language models share.

A GPT whose parts were each replaced by what works better: root-mean-square norms before the parts,
rotary positions inside attention, gated feed-forward (SwiGLU), keys and values shared by groups of
heads, no biases. Its descendants (Llama 2 and 3, Mistral, Qwen2.5, SmolLM2) differ in numbers only.

    x <- x + attention(rms(x));   x <- x + W2 (silu(Wg rms(x)) * (W1 rms(x)));   z = W rms(x)

Shapes: tokens `b t`; logits `b t v`, those at t for the token at t + 1.

Departures: the norms are torch's modules, whose kernel computes our `rms-norm`. Rotary pairs
are features i and i + d/2 of a head, as in Hugging Face's files. Weights start from a
normal distribution of 0.02.

References:
    Hugo Touvron et al. LLaMA: open and efficient foundation language models. 2023.
    https://arxiv.org/abs/2302.13971
    Hugo Touvron et al. Llama 2. 2023 (grouped queries). https://arxiv.org/abs/2307.09288
    Albert Jiang et al. Mistral 7B. 2023 (sliding window). https://arxiv.org/abs/2310.06825
    Loubna Ben Allal et al. SmolLM2. 2025. https://arxiv.org/abs/2502.02737

>>> import torch
>>> with torch.device("meta"):
...     model = LLaMA()
>>> sum(weight.numel() for weight in model.parameters())
6738415616
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.cache import Cache, CachedDecoder, check_length
from cartograd.architectures.transformer.feed_forward import FeedForward, gated_dim
from cartograd.architectures.transformer.inference_form import InferenceForm, Maker
from cartograd.architectures.transformer.packed import longest, packed_block, turned
from cartograd.architectures.transformer.rotary import Rotary
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.inference import Lengths

CARD = Card(
    name="llama",
    kind="model",
    entry="LLaMA",
    nodes=("arch/llama",),
    title="LLaMA",
    zh="LLaMA",
    paper="LLaMA: open and efficient foundation language models",
    year=2023,
    url="https://arxiv.org/abs/2302.13971",
    proofs=(
        "oracle: transformers' Llama, Mistral and Qwen2 with the same weights, logits and "
        "gradients to 1e-10 in float64, with scaled rotary positions, groups, biases and windows",
        "law: read in pieces through the cache the logits are those of the whole, to 1e-6 in "
        "float32; padding at the left changes nothing",
        "law: texts packed into one row are answered as each alone, to 1e-10 in float64, and so "
        "are their gradients",
        "paper: 6,738,415,616 (7B) to 68,976,648,192 (Llama 2 70B) weights, ten published sizes",
    ),
    evidence={"arch/llama": ("test_published_sizes", "test_equals_transformers_with_gradients")},
    tiny={
        "vocabulary": 11,
        "dim": 8,
        "depth": 2,
        "heads": 2,
        "kv_heads": 1,
        "ffn_dim": 12,
        "context": 64,
    },
    objective="label-tokens",
    renamed={"inner": "ffn_dim", "floor": "eps"},
)

PRESETS = {
    "llama-7b": {},
    "llama-13b": {"dim": 5120, "depth": 40, "heads": 40, "ffn_dim": 13824},
    "llama-33b": {"dim": 6656, "depth": 60, "heads": 52, "ffn_dim": 17920},
    "llama-65b": {"dim": 8192, "depth": 80, "heads": 64, "ffn_dim": 22016, "eps": 1e-5},
    "llama-2-70b": {
        "dim": 8192,
        "depth": 80,
        "heads": 64,
        "kv_heads": 8,
        "ffn_dim": 28672,
        "context": 4096,
        "eps": 1e-5,
    },
    "llama-3-8b": {
        "vocabulary": 128256,
        "kv_heads": 8,
        "ffn_dim": 14336,
        "context": 8192,
        "base": 5e5,
        "eps": 1e-5,
    },
    "llama-3.2-1b": {
        "vocabulary": 128256,
        "dim": 2048,
        "depth": 16,
        "heads": 32,
        "kv_heads": 8,
        "ffn_dim": 8192,
        "context": 131072,
        "base": 5e5,
        "scaling": "llama3:factor=32,context=8192",
        "tied": True,
        "eps": 1e-5,
    },
    "mistral-7b": {
        "kv_heads": 8,
        "ffn_dim": 14336,
        "context": 32768,
        "window": 4096,
        "eps": 1e-5,
    },
    "qwen2.5-0.5b": {
        "vocabulary": 151936,
        "dim": 896,
        "depth": 24,
        "heads": 14,
        "kv_heads": 2,
        "ffn_dim": 4864,
        "context": 32768,
        "base": 1e6,
        "biases": "qkv",
        "tied": True,
    },
    "smollm2-135m": {
        "vocabulary": 49152,
        "dim": 576,
        "depth": 30,
        "heads": 9,
        "kv_heads": 3,
        "ffn_dim": 1536,
        "context": 8192,
        "base": 1e5,
        "tied": True,
        "eps": 1e-5,
    },
}


class LLaMA(nn.Module):
    """A language model.

    Args:
        vocabulary: size of the vocabulary.
        dim, depth, heads, ffn_dim: its size; `ffn_dim` is the hidden size of the gated part, some
            2.7 times `dim` if not given.
        kv_heads: heads of keys and values; as many as of queries if not given.
        head_dim: features of each head; `dim / heads` if not given.
        context: greatest number of tokens.
        base: of the rotary positions.
        scaling: how they are slowed down for longer texts than trained on (`rotary`).
        window: how far back a position attends; unlimited if not given.
        biases: projections of attention that add a bias: letters of `qkvo`.
        tied: whether the output shares the embedding's weights.
        eps: added under the root of the norms.

    Raises:
        UsageError: rotary positions that follow the length of the text.
    """

    def __init__(
        self,
        *,
        vocabulary: int = 32_000,
        dim: int = 4096,
        depth: int = 32,
        heads: int = 32,
        kv_heads: int | None = None,
        head_dim: int | None = None,
        ffn_dim: int | None = None,
        context: int = 2048,
        base: float = 10_000.0,
        scaling: str | None = None,
        window: int | None = None,
        biases: str = "",
        tied: bool = False,
        eps: float = 1e-6,
    ):
        super().__init__()
        self.context, self.window = context, window
        self.head_dim = dim // heads if head_dim is None else head_dim
        self.embedding = nn.Embedding(vocabulary, dim)
        self.rotary = Rotary(head_dim=self.head_dim, base=base, scaling=scaling)
        if self.rotary.by_length:
            raise UsageError(f"llama: scaling={scaling} follows the length; a `decoder` can do so")
        self.blocks = nn.ModuleList(
            Block(
                attention=MultiHeadAttention(
                    dim=dim, heads=heads, kv_heads=kv_heads, head_dim=head_dim, biases=biases
                ),
                feed_forward=FeedForward(
                    dim=dim, ffn_dim=ffn_dim or gated_dim(dim), activation="swiglu", bias=False
                ),
                norm="rms",
                eps=eps,
            )
            for _ in range(depth)
        )
        self.norm = nn.RMSNorm(dim, eps=eps)
        self.head = None if tied else nn.Linear(dim, vocabulary, bias=False)
        for part in self.modules():
            if isinstance(part, nn.Linear | nn.Embedding):
                nn.init.normal_(part.weight, std=0.02)

    def forward(self, tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b t v"]:
        """Logits of the token after each position."""
        return self.logits(self.hidden(tokens))

    def hidden(self, tokens: Int[Tensor, "b t"], /) -> Float[Tensor, "b t d"]:
        """The features of each position, before the output layer."""
        check_length(tokens.shape[1], self.context)
        places = torch.arange(tokens.shape[1], device=tokens.device)
        return self.norm(self._features(tokens, places, None))

    def packed(
        self, tokens: Int[Tensor, " n"], lengths: Lengths, at: Int[Tensor, " m"], /
    ) -> Float[Tensor, "m d"]:
        """Features of texts one after the other, none of which sees another (`core.inference`)."""
        check_length(longest(lengths), self.context)
        rotary = turned(self.rotary, lengths)
        x = self.embedding(tokens)[None]
        for block in self.blocks:
            assert isinstance(block, Block)
            x = packed_block(block, x, lengths=lengths, rotary=rotary, window=self.window)
        return self.norm(x)[0, at]

    def decoder(
        self, rows: int, capacity: int, /, *, starts: Int[Tensor, " b"] | None = None
    ) -> CachedDecoder:
        """The model in the middle of writing (`core.protocols`).

        Args:
            rows: texts side by side.
            capacity: the most tokens of each, padding included.
            starts: how many tokens at the left of each row are padding.

        Raises:
            UsageError: the model cannot read that many tokens.
        """
        check_length(capacity, self.context)
        weight = self.embedding.weight
        cache = Cache(
            len(self.blocks), rows, self.kv_heads, capacity, self.head_dim, weight.dtype,
            weight.device, starts=starts,
        )  # fmt: skip
        return CachedDecoder(self._continued, cache, self.rotary.moved)

    @property
    def kv_heads(self) -> int:
        """Heads of keys and values of each block, also after some were pruned."""
        first = self.blocks[0].get_submodule("attention")
        assert isinstance(first, MultiHeadAttention)
        return first.kv_heads

    def largest_product(self) -> tuple[int, int]:
        """The shape of the fused gate and up of a layer."""
        first = self.blocks[0]
        assert isinstance(first, Block)
        return 2 * first.feed_forward.up.out_features, first.feed_forward.up.in_features

    def inference_form(self, product: Maker, /) -> InferenceForm:
        """The same function with fused weights, whose products `product` makes."""
        return InferenceForm(self, product)

    def _continued(self, tokens: Tensor, cache: Cache, last: bool) -> Tensor:
        x = self._features(tokens, cache.positions(tokens.shape[1]), cache)
        return self.logits(self.norm(x[:, -1:] if last else x))

    def _features(self, tokens: Tensor, places: Tensor, cache: Cache | None) -> Tensor:
        mask = None if cache is None else cache.mask(tokens.shape[1])
        rotary, x = self.rotary.turn(places), self.embedding(tokens)
        for number, block in enumerate(self.blocks):
            x = block(
                x, causal=True, mask=mask, window=self.window, rotary=rotary,
                cache=None if cache is None else cache[number],
            )  # fmt: skip
        return x

    def logits(self, x: Float[Tensor, "... d"], /) -> Float[Tensor, "... v"]:
        """Logits of the token after each position, by its features."""
        return F.linear(x, self.embedding.weight) if self.head is None else self.head(x)
