"""GPT: a stack of causal blocks, trained to predict the next token.

Future positions are masked, so each position of a text is an example of predicting the next token,
and all are trained on at once. A token sampled from the last position's logits is appended to the
text and read again: this generates text. The embedding matrix is also the output layer's.

    x_0 = tokens + positions        x_l = block_l(x_(l-1)), causal        logits = norm(x_L) E^T
    GPT-2: norms before the parts and a last one; GPT-1: norms after them, no last one

Shapes: tokens `b t`; logits `b t v` of the token after each. Padding on the right needs no mask,
since future positions are masked.

Departures: `positions` may also be sinusoidal, rotary or ALiBi, which the papers' models are not.
Beside sinusoids the embeddings start at a spread of 1 / sqrt(d) and are read times sqrt(d), as in
the paper of the sinusoids: at GPT's spread of 0.02 they would drown among them. Parts that end a
branch start smaller by the root of twice the depth, as in GPT-2.

References:
    Alec Radford, Karthik Narasimhan, Tim Salimans, Ilya Sutskever. Improving language understanding
    by generative pre-training. 2018.
    https://cdn.openai.com/research-covers/language-unsupervised/language_understanding_paper.pdf
    Alec Radford, Jeffrey Wu, Rewon Child, David Luan, Dario Amodei, Ilya Sutskever. Language models
    are unsupervised multitask learners. 2019.
    https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf

>>> with torch.device("meta"):
...     model = GPT()
>>> sum(weight.numel() for weight in model.parameters())
124439808
"""

import math
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.alibi import ALiBi
from cartograd.architectures.transformer.attention import MultiHeadAttention
from cartograd.architectures.transformer.block import Block
from cartograd.architectures.transformer.cache import Cache, CachedDecoder
from cartograd.architectures.transformer.feed_forward import FeedForward
from cartograd.architectures.transformer.packed import longest, packed_block, places_of, turned
from cartograd.architectures.transformer.positions import Positions
from cartograd.architectures.transformer.rotary import Rotary
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.inference import Lengths
from cartograd.training.normalization.layers import Rows, of_features
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="gpt",
    kind="model",
    entry="GPT",
    nodes=("arch/gpt",),
    title="GPT",
    zh="GPT",
    paper="Language models are unsupervised multitask learners",
    year=2019,
    url="https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf",
    proofs=(
        "oracle: transformers' GPT2LMHeadModel and OpenAIGPTLMHeadModel, through their own files: "
        "logits, hidden states and gradients to 1e-10 in float64, and one step of AdamW",
        "law: what comes later changes nothing before it; a decoder's logits are those of the "
        "whole text, with left padding too",
        "law: texts packed into one row are answered as each alone, and so are their gradients, to "
        "1e-10 in float64",
        "paper: 116,534,784 parameters (GPT-1); 124,439,808 / 354,823,168 / 774,030,080 / "
        "1,557,611,200 (GPT-2)",
    ),
    evidence={"arch/gpt": ("test_counts", "test_equals_transformers")},
    tiny={"vocabulary": 11, "context": 16, "dim": 8, "heads": 2, "depth": 2, "dropout": 0.0},
    objective="label-tokens",
    renamed={"inner": "ffn_dim"},
)

PRESETS = {
    "gpt1": {"context": 512, "order": "post"},
    "gpt2": {},
    "gpt2-medium": {"dim": 1024, "heads": 16, "depth": 24},
    "gpt2-large": {"dim": 1280, "heads": 20, "depth": 36},
    "gpt2-xl": {"dim": 1600, "heads": 25, "depth": 48},
}


class GPT(nn.Module):
    """A decoder-only transformer.

    Args:
        vocabulary: size of the vocabulary; 50,257 if not given, or 40,478 with order `post`.
        context: greatest number of positions.
        dim: features of a position.
        heads: number of heads of each attention.
        depth: number of blocks.
        ffn_dim: hidden size of the feed-forward parts; four times `dim` if not given.
        order: norms before the parts (`pre`, GPT-2) or after them (`post`, GPT-1).
        norm: `layer`, `rms` (of LLaMA) or `none`.
        positions: `learned`, `sinusoidal`, `rotary` or `alibi`.
        dropout: probability that a number is set to zero in training: of the embeddings, of the
            parts' outputs and of the attention weights.

    Raises:
        UsageError: the heads cannot share the features.
    """

    lacking: ClassVar = {
        "scale": "is of a GPT that added sinusoids to its embeddings as they are; now these are "
        "multiplied by the root of their size first, so it has to be trained anew"
    }
    """What is said of a state that lacks one of the names."""
    scale: Tensor | None

    def __init__(
        self,
        *,
        vocabulary: int | None = None,
        context: int = 1024,
        dim: int = 768,
        heads: int = 12,
        depth: int = 12,
        ffn_dim: int | None = None,
        order: Literal["pre", "post"] = "pre",
        norm: Rows = "layer",
        positions: Literal["learned", "sinusoidal", "rotary", "alibi"] = "learned",
        dropout: float = 0.1,
    ):
        super().__init__()
        vocabulary = vocabulary or (50_257 if order == "pre" else 40_478)
        self.context = context
        self.dropout = Dropout(dropout=dropout)
        self.tokens = nn.Embedding(vocabulary, dim)
        # In the state, so that weights that were learned without it are told from these.
        scale = torch.tensor(math.sqrt(dim)) if positions == "sinusoidal" else None
        self.register_buffer("scale", scale)
        added = positions in ("learned", "sinusoidal")
        self.positions = Positions(dim=dim, context=context, kind=positions) if added else None
        self.rotary = Rotary(head_dim=dim // heads) if positions == "rotary" else None
        self.alibi = ALiBi(heads=heads) if positions == "alibi" else None
        self.blocks = nn.ModuleList(
            Block(
                attention=MultiHeadAttention(dim=dim, heads=heads, dropout=dropout),
                feed_forward=FeedForward(
                    dim=dim, ffn_dim=ffn_dim or 4 * dim, activation="gelu-tanh"
                ),
                order=order,
                norm=norm,
                dropout=dropout,
            )
            for _ in range(depth)
        )
        self.norm = of_features(dim, norm=norm if order == "pre" else None)
        _initialise(self, depth)
        if positions == "sinusoidal":
            nn.init.normal_(self.tokens.weight, std=dim**-0.5)

    def forward(self, tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b t v"]:
        """Logits of the token after each.

        Raises:
            UsageError: more tokens than the context holds.
        """
        return self.logits(self.hidden(tokens))

    def hidden(
        self, tokens: Int[Tensor, "b t"], /, *, cache: Cache | None = None
    ) -> Float[Tensor, "b t d"]:
        """The features of each position, before the output layer."""
        t = tokens.shape[1]
        s = t if cache is None else cache.length + t
        self._fits(s)
        mask = None if cache is None else cache.mask(t)
        places = torch.arange(t, device=tokens.device) if cache is None else cache.positions(t)
        x = self._embedded(tokens, places)
        rotary = None if self.rotary is None else self.rotary.turn(places)
        bias = None if self.alibi is None else self.alibi.bias(t, s)
        for number, block in enumerate(self.blocks):
            kept = None if cache is None else cache[number]
            x = block(x, causal=True, mask=mask, bias=bias, rotary=rotary, cache=kept)
        return self.norm(x)

    def packed(
        self, tokens: Int[Tensor, " n"], lengths: Lengths, at: Int[Tensor, " m"], /
    ) -> Float[Tensor, "m d"]:
        """Features of texts one after the other, none of which sees another (`core.inference`)."""
        self._fits(longest(lengths))
        x = self._embedded(tokens[None], places_of(lengths, tokens.device))
        rotary = None if self.rotary is None else turned(self.rotary, lengths)
        bias = None if self.alibi is None else self.alibi.bias
        for block in self.blocks:
            assert isinstance(block, Block)
            x = packed_block(block, x, lengths=lengths, rotary=rotary, bias=bias)
        return self.norm(x)[0, at]

    def decoder(
        self, rows: int, capacity: int, /, *, starts: Int[Tensor, " b"] | None = None
    ) -> CachedDecoder:
        """As many empty texts, to be written token by token (see `core.protocols`).

        Args:
            rows: how many texts.
            capacity: the most tokens of a text.
            starts: how many tokens at the left of each are padding.
        """
        weight, first = self.tokens.weight, self.blocks[0].get_submodule("attention")
        assert isinstance(first, MultiHeadAttention)
        cache = Cache(
            len(self.blocks), rows, first.kv_heads, capacity, first.width, weight.dtype,
            weight.device, starts=starts,
        )  # fmt: skip
        return CachedDecoder(self._advance, cache)

    def _embedded(self, tokens: Tensor, places: Tensor) -> Tensor:
        x = self.tokens(tokens)
        if self.scale is not None:
            x = x * self.scale.to(x.dtype)
        if self.positions is not None:
            x = x + self.positions(places).to(x.dtype)
        return self.dropout(x)

    def _advance(self, tokens: Tensor, cache: Cache, last: bool) -> Tensor:
        x = self.hidden(tokens, cache=cache)
        return self.logits(x[:, -1:] if last else x)

    def logits(self, x: Float[Tensor, "... d"], /) -> Float[Tensor, "... v"]:
        """Logits of the token after each position, by its features."""
        return F.linear(x, self.tokens.weight)

    def _fits(self, length: int) -> None:
        if (
            length > self.context
            and self.positions is not None
            and self.positions.kind == "learned"
        ):
            raise UsageError(
                f"{length} tokens are more than the {self.context} that this model can see at "
                f"once; shorten the text"
            )


def _initialise(model: nn.Module, depth: int) -> None:
    for name, weight in model.named_parameters():
        if weight.ndim == 2:
            ends = name.endswith(("attention.out.weight", "feed_forward.down.weight"))
            nn.init.normal_(weight, std=0.02 / math.sqrt(2 * depth) if ends else 0.02)
