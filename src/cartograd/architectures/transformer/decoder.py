"""Decoder: the language models of today, which differ from LLaMA in a few choices.

Each family took LLaMA and changed some of it: where norms stand, whether queries and keys have
norms, which layers see a window only, what bounds the scores, how many feed-forward parts there
are. Here each choice is a setting, and a family is a line of settings.

    x <- x + after(part(before(x))),   part: attention, then feed-forward or experts
    pre: after = id (LLaMA, Qwen, Phi)    reordered: before = id (OLMo 2)    sandwich: both (Gemma)

Shapes: tokens `b t`; logits `b t v`, those at t for the token at t + 1.

Departures: Gemma's norms have weights 1 + w; ours keep the sum. Weights start from a normal
distribution of 0.02.

References:
    An Yang et al. Qwen3 technical report. 2025. https://arxiv.org/abs/2505.09388
    Gemma team. Gemma 3 technical report. 2025. https://arxiv.org/abs/2503.19786
    Marah Abdin et al. Phi-3 technical report. 2024. https://arxiv.org/abs/2404.14219
    Team OLMo. 2 OLMo 2 furious. 2024. https://arxiv.org/abs/2501.00656
    Albert Jiang et al. Mixtral of experts. 2024. https://arxiv.org/abs/2401.04088
    OpenAI. gpt-oss-120b and gpt-oss-20b model card. 2025. https://arxiv.org/abs/2508.10925

>>> import torch
>>> from cartograd.core.build import build
>>> with torch.device("meta"):
...     model = build("qwen3-0.6b")
>>> sum(weight.numel() for weight in model.parameters())
596049920
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.cache import Cache, CachedDecoder, check_length
from cartograd.architectures.transformer.decoder_block import DecoderBlock
from cartograd.architectures.transformer.decoder_form import DecoderForm, fits
from cartograd.architectures.transformer.decoder_parts import blocks_of, check_settings, largest_of
from cartograd.architectures.transformer.inference_form import Maker
from cartograd.architectures.transformer.packed_decoder import packed_decoder
from cartograd.architectures.transformer.rereading import Rereading
from cartograd.architectures.transformer.rotary import Rotary, mover
from cartograd.architectures.transformer.rotary_scaling import LongRope
from cartograd.core.card import Card
from cartograd.core.inference import Lengths

# fmt: off
CARD = Card(
    name="decoder",
    kind="model",
    entry="Decoder",
    nodes=("arch/llama",),
    title="Decoder of today's families",
    zh="当今各家族的解码器",
    paper="Qwen3 technical report",
    year=2025,
    url="https://arxiv.org/abs/2505.09388",
    proofs=(
        "oracle: transformers' models of each family through their own files: logits and gradients "
        "to 1e-10 in float64, greedy and beam text, padded at the left",
        "law: read in pieces through the cache the logits are those of the whole, and so they are "
        "in inference form; a window as long as the text is none",
        "law: texts packed into one row are answered as each alone, and so are their gradients, to "
        "1e-10 in float64: windows, caps, sinks, experts and frequencies by length included",
        "paper: the weights of the published sizes, to the unit",
    ),
    tiny={
        "vocabulary": 11, "dim": 8, "depth": 2, "heads": 2, "kv_heads": 1, "head_dim": 6,
        "ffn_dim": 12, "context": 64, "reach": "wf", "window": 5, "qk_norm": "head",
    },
    objective="label-tokens",
)

PRESETS = {
    "qwen3-0.6b": {
        "vocabulary": 151936, "dim": 1024, "depth": 28, "heads": 16, "kv_heads": 8,
        "head_dim": 128, "ffn_dim": 3072, "context": 40960, "base": 1e6, "qk_norm": "head",
        "tied": True,
    },
    "qwen3-8b": {
        "vocabulary": 151936, "dim": 4096, "depth": 36, "heads": 32, "kv_heads": 8,
        "head_dim": 128, "ffn_dim": 12288, "context": 40960, "base": 1e6, "qk_norm": "head",
    },
    "gemma-2-2b": {
        "vocabulary": 256000, "dim": 2304, "depth": 26, "heads": 8, "kv_heads": 4,
        "head_dim": 256, "ffn_dim": 9216, "context": 8192, "reach": "wf", "window": 4096,
        "order": "sandwich", "activation": "geglu", "attention_cap": 50.0, "output_cap": 30.0,
        "scale": 0.0625, "embedding_scale": 48.0, "tied": True,
    },
    "gemma-3-1b": {
        "vocabulary": 262144, "dim": 1152, "depth": 26, "heads": 4, "kv_heads": 1,
        "head_dim": 256, "ffn_dim": 6912, "context": 32768, "base": 1e6, "local_base": 1e4,
        "reach": "wwwwwf", "window": 512, "qk_norm": "head", "order": "sandwich",
        "activation": "geglu", "embedding_scale": 33.94112549695428, "scale": 0.0625,
        "tied": True,
    },
    "phi-3-mini-4k": {
        "vocabulary": 32064, "dim": 3072, "depth": 32, "heads": 32, "ffn_dim": 8192,
        "reach": "w", "window": 2047, "eps": 1e-5,
    },
    "smollm3-3b": {
        "vocabulary": 128256, "depth": 36, "kv_heads": 4, "ffn_dim": 11008, "context": 65536,
        "base": 5e6, "reach": "fffn", "tied": True,
    },
    "olmo-2-7b": {
        "vocabulary": 100352, "dim": 4096, "depth": 32, "heads": 32, "ffn_dim": 11008,
        "base": 5e5, "qk_norm": "all", "order": "reordered",
    },
    "mixtral-8x7b": {
        "dim": 4096, "depth": 32, "heads": 32, "kv_heads": 8, "ffn_dim": 14336,
        "context": 32768, "base": 1e6, "experts": 8, "eps": 1e-5,
    },
    "gpt-oss-20b": {
        "vocabulary": 201088, "dim": 2880, "heads": 64, "kv_heads": 8, "head_dim": 64,
        "ffn_dim": 2880, "context": 131072, "base": 1.5e5, "reach": "wf", "window": 128,
        "scaling": "yarn:factor=32.0,context=4096,truncate=false", "biases": "qkvo",
        "experts": 32, "k": 4, "activation": "clamped", "attention_sinks": True, "eps": 1e-5,
    },
}
# fmt: on


class Decoder(nn.Module):
    """A language model.

    Args:
        vocabulary: size of the vocabulary.
        dim, depth, heads, ffn_dim: its size; `ffn_dim` is the hidden size of the gated part, or of
            each expert, some 2.7 times `dim` if not given.
        kv_heads: heads of keys and values; as many as of queries if not given.
        head_dim: features of each head; `dim / heads` if not given.
        context: greatest number of tokens.
        base: of the rotary positions.
        local_base: of those of layers with a window, which are not slowed down then; as of the
            others if not given.
        scaling: how they are slowed down for longer texts than trained on (`rotary`).
        share: of each head's features that are turned.
        reach: how far each layer sees, a letter each, repeated: `f` all, `w` the window, `n` all,
            without positions, `m` the window, without positions.
        window: how far back layers with one attend.
        biases: projections of attention that add a bias: letters of `qkvo`.
        qk_norm: norms of queries and keys: of each `head`, over `all` heads, or `none`.
        order: where the norms stand: `pre`, `reordered` (after the parts) or `sandwich` (both).
        activation: of the feed-forward parts: `swiglu`, `geglu`, or of experts `clamped`.
        experts: how many there are; none if not given, and a single part.
        k: how many of them work on each position.
        normalised: whether their weights are made to sum to one.
        mixture: which layers have experts, a letter each, repeated: `e` those, `d` a single part.
        dense_dim: the hidden size of those single parts; `ffn_dim` if not given.
        scale: factor on the scores of attention; `head_dim ** -0.5` if not given.
        attention_cap, output_cap: bounds of the scores of attention and of the logits.
        attention_sinks: whether each head has a score to spend on nothing.
        embedding_scale: factor on the vectors of tokens.
        tied: whether the output shares the embedding's weights.
        eps: added under the root of the norms.

    Raises:
        UsageError: an unknown letter, a window that is missing, or experts of another activation.
    """

    def __init__(
        self,
        *,
        vocabulary: int = 32_000,
        dim: int = 2048,
        depth: int = 24,
        heads: int = 16,
        kv_heads: int | None = None,
        head_dim: int | None = None,
        ffn_dim: int | None = None,
        context: int = 4096,
        base: float = 10_000.0,
        local_base: float | None = None,
        scaling: str | None = None,
        share: float = 1.0,
        reach: str = "f",
        window: int | None = None,
        biases: str = "",
        qk_norm: Literal["none", "head", "all"] = "none",
        order: Literal["pre", "reordered", "sandwich"] = "pre",
        activation: Literal["swiglu", "geglu", "clamped"] = "swiglu",
        experts: int | None = None,
        k: int = 2,
        normalised: bool = True,
        mixture: str = "e",
        dense_dim: int | None = None,
        scale: float | None = None,
        attention_cap: float | None = None,
        output_cap: float | None = None,
        attention_sinks: bool = False,
        embedding_scale: float = 1.0,
        tied: bool = False,
        eps: float = 1e-6,
    ):
        super().__init__()
        check_settings(reach, window, activation, experts, mixture)
        self.context, self.window = context, window
        self.reach = (reach * depth)[:depth]
        self.output_cap, self.embedding_scale = output_cap, embedding_scale
        self.embedding = nn.Embedding(vocabulary, dim)

        self.blocks = blocks_of(
            (mixture * depth)[:depth], order, eps,
            attention={
                "dim": dim, "heads": heads, "kv_heads": kv_heads, "head_dim": head_dim,
                "biases": biases, "qk_norm": qk_norm, "scale": scale, "eps": eps,
                "attention_cap": attention_cap, "attention_sinks": attention_sinks,
            },
            part={"dim": dim, "ffn_dim": ffn_dim, "activation": activation},
            experts=experts, dense_dim=dense_dim, k=k, normalised=normalised,
        )  # fmt: skip
        width = dim // heads if head_dim is None else head_dim
        self.rotary = Rotary(head_dim=width, base=base, scaling=scaling, share=share)
        local = None if local_base is None else Rotary(head_dim=width, base=local_base, share=share)
        self.local_rotary = local
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
        x = packed_decoder(
            self.blocks, self._embedded(tokens[None]), lengths=lengths, context=self.context,
            reach=self.reach, window=self.window, rotary=self.rotary, local=self.local_rotary,
        )  # fmt: skip
        return self.norm(x)[0, at]

    def decoder(
        self, rows: int, capacity: int, /, *, starts: Int[Tensor, " b"] | None = None
    ) -> CachedDecoder | Rereading:
        """The model in the middle of writing (`core.protocols`).

        Args:
            rows: texts side by side.
            capacity: the most tokens of each, padding included.
            starts: how many tokens at the left of each row are padding.

        Raises:
            UsageError: the model cannot read that many tokens.
        """
        check_length(capacity, self.context)
        first, weight = self.blocks[0], self.embedding.weight
        assert isinstance(first, DecoderBlock)
        cache = Cache(
            len(self.blocks), rows, first.attention.kv_heads, capacity, first.attention.width,
            weight.dtype, weight.device, starts=starts,
        )  # fmt: skip
        moved, grown = mover(self.rotary, self.local_rotary, self.reach), self.rotary.at_length
        made = CachedDecoder(self._continued, cache, moved)
        return Rereading(made, grown.context) if isinstance(grown, LongRope) else made

    def largest_product(self) -> tuple[int, int]:
        """The shape of the fused gate and up of a layer, or of an expert."""
        return largest_of(self.blocks[0].get_submodule("feed_forward"))

    def inference_form(self, product: Maker, /) -> "DecoderForm | Decoder":
        """The same function with fused weights, whose products `product` makes."""
        return DecoderForm(self, product) if fits(self) else self

    def _continued(self, tokens: Tensor, cache: Cache, last: bool) -> Tensor:
        x = self._features(tokens, cache.positions(tokens.shape[1]), cache)
        return self.logits(self.norm(x[:, -1:] if last else x))

    def _features(self, tokens: Tensor, places: Tensor, cache: Cache | None) -> Tensor:
        mask = None if cache is None else cache.mask(tokens.shape[1])
        x, whole = self._embedded(tokens), self.rotary.turn(places)
        local = whole if self.local_rotary is None else self.local_rotary.turn(places)
        for number, (block, letter) in enumerate(zip(self.blocks, self.reach, strict=True)):
            x = block(
                x, turn={"f": whole, "w": local}.get(letter), mask=mask,
                window=self.window if letter in "wm" else None,
                cache=None if cache is None else cache[number],
            )  # fmt: skip
        return x

    def _embedded(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        return x if self.embedding_scale == 1 else x * x.new_tensor(self.embedding_scale)

    def logits(self, x: Float[Tensor, "... d"], /) -> Float[Tensor, "... v"]:
        """Logits of the token after each position, by its features."""
        z = F.linear(x, self.embedding.weight) if self.head is None else self.head(x)
        return z if self.output_cap is None else self.output_cap * (z / self.output_cap).tanh()
