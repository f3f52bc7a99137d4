"""Decoder classifier: a language model's features of the last token, and a layer to classify.

A decoder reads from left to right, so only the last position has seen the whole text. Its features
go through one linear layer: pre-trained to write, the decoder is fine-tuned to classify.

    logits = h_last(x) W^T        h = the decoder's last hidden states, last = the last real token

With `each` every token is told its class, by what stands before it: `h_t(x) W^T + b`.

Shapes: tokens `b t`, padded on the right with `padding_id`; logits `b k`, or `b t k` with `each`.

Departures: the papers put a token of their own at the end; as published models do today, the last
token that is no padding counts, whichever it is.

References:
    Alec Radford, Karthik Narasimhan, Tim Salimans, Ilya Sutskever. Improving language understanding
    by generative pre-training. 2018.
    https://cdn.openai.com/research-covers/language-unsupervised/language_understanding_paper.pdf

>>> model = DecoderClassifier(decoder="gpt:vocabulary=11,dim=8,heads=2,depth=1", padding_id=0)
>>> short, filled = torch.tensor([[5, 3]]), torch.tensor([[5, 3, 0, 0]])
>>> torch.allclose(model.eval()(short), model(filled), atol=1e-6)
True
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.transformer.decoder import Decoder
from cartograd.architectures.transformer.gpt import GPT
from cartograd.architectures.transformer.llama import LLaMA
from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.inference import Lengths

CARD = Card(
    name="decoder-classifier",
    kind="model",
    entry="DecoderClassifier",
    nodes=("transfer/pretrain-finetune",),
    title="Decoder with a classifying head",
    zh="带分类头的解码器",
    paper="Improving language understanding by generative pre-training",
    year=2018,
    url="https://cdn.openai.com/research-covers/language-unsupervised/language_understanding_paper.pdf",
    proofs=(
        "oracle: transformers' GPT2-, OpenAIGPT-, Llama-, Mistral- and "
        "Qwen2ForSequenceClassification, through their own files: logits and gradients to 1e-10 in "
        "float64",
        "oracle: their heads for tags, of LLaMA, Mistral, Qwen2 and 3, Phi-3 and SmolLM3, the same",
        "oracle: sentence-transformers' scores of pairs by a Qwen3 that says yes or no",
        "law: padding changes nothing",
    ),
    tiny={
        "decoder": "gpt:context=16,dim=8,heads=2,depth=2,dropout=0.0",
        "vocabulary": 11,
        "classes": 3,
        "padding_id": 0,
    },
    objective="classify",
)


class DecoderClassifier(nn.Module):
    """Classes of whole texts.

    Args:
        decoder: spec of the model that reads, such as `gpt2` or `llama:dim=256`.
        classes: number of classes.
        vocabulary: size of the vocabulary; the decoder's own if not given.
        padding_id: the padding token, which does not count as the last; none if not given.
        each: whether each token has a class, in place of the text.

    Raises:
        UsageError: the decoder is none.
    """

    def __init__(
        self,
        *,
        decoder: str = "gpt",
        classes: int = 2,
        vocabulary: int | None = None,
        padding_id: int | None = None,
        each: bool = False,
    ):
        super().__init__()
        sized = {} if vocabulary is None else {"vocabulary": vocabulary}
        made = build(decoder, kind="model", **sized)
        if not isinstance(made, GPT | LLaMA | Decoder):
            raise UsageError(
                f"decoder={decoder!r} does not read from left to right; expected a gpt, llama "
                "or decoder"
            )
        self.decoder = made
        size = (made.tokens if isinstance(made, GPT) else made.embedding).embedding_dim
        self.head, self.padding_id = nn.Linear(size, classes, bias=each), padding_id
        self.each = each
        nn.init.normal_(self.head.weight, std=0.02)

    def forward(self, tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b ..."]:
        """Logits."""
        x = self.decoder.hidden(tokens)
        if self.each:
            return self.head(x)
        if self.padding_id is None:
            return self.head(x[:, -1])
        places = torch.arange(tokens.shape[1], device=tokens.device)
        last = ((tokens != self.padding_id) * places).argmax(1)
        there = last[:, None, None].expand(-1, 1, x.shape[2])
        return self.head(x.gather(1, there)[:, 0])

    def packed_texts(
        self, tokens: Int[Tensor, " n"], lengths: Lengths, at: Int[Tensor, " m"], /
    ) -> Float[Tensor, "m k"]:
        """Logits of texts one after the other, each read to its last token (`core.inference`).

        Raises:
            UsageError: this is a model whose classes are those of tokens.
        """
        if self.each:
            raise UsageError("decoder-classifier: each=true tells of tokens; expected of texts")
        return self.head(self.decoder.packed(tokens, lengths, at))
