"""Decoder embedding: the vector of a text from a language model that has read it to the end.

A decoder reads from left to right, so the features of its last token have seen the whole text. A
model that writes well is trained further on pairs that belong together, and these features become
the text's meaning. What is searched for is told by an instruction in front of the query.

    e(x) = h_last(x) / |h_last(x)|        similarity(x, y) = e(x) . e(y)

Shapes: tokens `b t`, padded on the right with `padding_id`; vectors `b d`.

Departures: the paper reads texts that are padded on the left; on the right the numbers are the
same, as no position sees a later one. The papers' training is not here.

References:
    Yanzhao Zhang et al. Qwen3 Embedding: advancing text embedding and reranking through foundation
    models. 2025. https://arxiv.org/abs/2506.05176
    Liang Wang et al. Improving text embeddings with large language models. 2024.
    https://arxiv.org/abs/2401.00368

>>> spec = "decoder:vocabulary=11,dim=8,heads=2,depth=1,ffn_dim=12"
>>> model = DecoderEmbedding(decoder=spec, padding_id=0).eval()
>>> short, filled = torch.tensor([[5, 3]]), torch.tensor([[5, 3, 0, 0]])
>>> torch.allclose(model(short), model(filled), atol=1e-6), model(short).norm().round().item()
(True, 1.0)
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.decoder import Decoder
from cartograd.architectures.transformer.gpt import GPT
from cartograd.architectures.transformer.llama import LLaMA
from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="decoder-embedding",
    kind="model",
    entry="DecoderEmbedding",
    nodes=("embed/contextual",),
    title="Text embedding by a decoder (Qwen3 Embedding)",
    zh="解码器文本嵌入（Qwen3 Embedding）",
    paper="Qwen3 Embedding: advancing text embedding and reranking through foundation models",
    year=2025,
    url="https://arxiv.org/abs/2506.05176",
    proofs=(
        "oracle: sentence-transformers on the same folder, vectors to 1e-10 in float64",
        "law: padding and company change nothing; vectors have length one",
        "paper: the 595,776,512 weights of Qwen3-Embedding-0.6B",
    ),
    tiny={
        "decoder": "gpt:context=16,dim=8,heads=2,depth=2,dropout=0.0",
        "vocabulary": 11,
        "padding_id": 0,
    },
)

PRESETS = {
    "qwen3-embedding-0.6b": {
        "decoder": "decoder:vocabulary=151669,dim=1024,depth=28,heads=16,kv_heads=8,head_dim=128,"
        "ffn_dim=3072,context=32768,base=1000000.0,qk_norm=head,tied=true",
        "padding_id": 151643,
        "closed": True,
    },
}


class DecoderEmbedding(nn.Module):
    """From texts to vectors.

    Args:
        decoder: spec of the model that reads, such as `gpt2` or `qwen3-0.6b`.
        vocabulary: size of the vocabulary; the decoder's own if not given.
        padding_id: the padding token, which does not count; none if not given.
        closed: whether each text ends with one token of `padding_id`, which does count: Qwen3 has
            one token for both.
        pooling: the vector of a text: the features of its `last` token, or their `mean`.
        normalised: whether vectors get length one.

    Raises:
        UsageError: the decoder is none, or texts are closed by a token that is not given.
    """

    def __init__(
        self,
        *,
        decoder: str = "gpt",
        vocabulary: int | None = None,
        padding_id: int | None = None,
        closed: bool = False,
        pooling: Literal["last", "mean"] = "last",
        normalised: bool = True,
    ):
        super().__init__()
        sized = {} if vocabulary is None else {"vocabulary": vocabulary}
        made = build(decoder, kind="model", **sized)
        if not isinstance(made, GPT | LLaMA | Decoder):
            raise UsageError(
                f"decoder={decoder!r} does not read from left to right; expected a gpt, llama "
                "or decoder"
            )
        if closed and padding_id is None:
            raise UsageError("closed=true says that padding_id ends each text; expected which")
        self.decoder, self.padding_id, self.closed = made, padding_id, closed
        self.pooling, self.normalised = pooling, normalised

    def forward(self, tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b d"]:
        """The vector of each text.

        Raises:
            UsageError: more tokens than the context holds.
        """
        x, last = self.decoder.hidden(tokens), self._last(tokens)
        if self.pooling == "last":
            x = x.gather(1, last[:, None, None].expand(-1, 1, x.shape[2]))[:, 0]
        else:
            there = torch.arange(tokens.shape[1], device=x.device) <= last[:, None]
            x = (x * there[..., None]).sum(1) / (last[:, None] + 1)
        return F.normalize(x, dim=1) if self.normalised else x

    def _last(self, tokens: Tensor) -> Tensor:
        """The place of each text's last token."""
        places = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
        if self.padding_id is None:
            return places[:, -1]
        last = ((tokens != self.padding_id) * places).argmax(1)
        return (last + 1).clamp(max=tokens.shape[1] - 1) if self.closed else last
