"""A recurrent language model: from all tokens so far, the next one.

The state summarises the text so far; from it follow the logits of the next token. Trained to give
the true one a high probability, it generates text by sampling from them.

    p(x_(t+1) | x_1 ... x_t) = softmax(W h_t + b),    h_t = cell(embedding of x_t, h_(t-1))

Shapes: tokens `b t` (bytes, or a tokenizer's); logits `b t v` of the token after each.

Departures: none. Rows begin with an empty state each.

References:
    Tomas Mikolov et al. Recurrent neural network based language model. Interspeech 2010.
    https://doi.org/10.21437/Interspeech.2010-343

>>> import torch
>>> model = RecurrentLanguageModel(vocabulary=9)
>>> writing = model.decoder(1, 100)
>>> writing.read(torch.tensor([[3, 1, 4]])).shape, writing.length
(torch.Size([1, 3, 9]), 3)
"""

from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.rnn.cells import recurrence
from cartograd.architectures.rnn.memory import Memory
from cartograd.architectures.rnn.recurrence import State
from cartograd.core.card import Card
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="recurrent-language-model",
    kind="model",
    entry="RecurrentLanguageModel",
    nodes=("rnn/lstm", "rnn/gru", "rnn/vanilla"),
    title="Recurrent language model",
    zh="循环语言模型",
    paper="Recurrent neural network based language model",
    year=2010,
    url="https://doi.org/10.21437/Interspeech.2010-343",
    proofs=(
        "oracle: torch.nn.LSTM between torch's embedding and dense layer, outputs and gradients "
        "to 1e-12 in float64",
        "law: reading in pieces, with padding at the left, after going back or in another order of "
        "rows gives the logits of reading at once; a token changes nothing before it",
    ),
    tiny={"vocabulary": 11, "dim": 8},
    objective="label-tokens",
)

PRESETS = {
    "lstm-language-model": {"cell": "lstm"},
    "gru-language-model": {"cell": "gru"},
}


class RecurrentLanguageModel(nn.Module):
    """Embedded tokens, recurrent layers, and the logits of the next token at each step.

    Args:
        vocabulary: size of the vocabulary.
        padding_id: the padding token.
        cell: rnn, lstm or gru.
        dim: features of an embedded token, and of the state.
        depth: number of layers.
        dropout: probability that a number is set to zero in training: of the embeddings, between
            layers, and of the last layer.
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        padding_id: int | None = None,
        cell: str = "lstm",
        dim: int = 256,
        depth: int = 1,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, dim, padding_idx=padding_id)
        self.memory = recurrence(cell, dim, dim, depth=depth, dropout=dropout)
        self.dropout = Dropout(dropout=dropout)
        self.head = nn.Linear(dim, vocabulary)

    def forward(self, tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b t v"]:
        """Logits of the token after each."""
        return self.head(self.dropout(self.memory(self.dropout(self.embedding(tokens)))))

    def decoder(
        self, rows: int, capacity: int, /, *, starts: Int[Tensor, " b"] | None = None
    ) -> Memory:
        """As many empty texts, to be written token by token.

        Args:
            rows: how many texts.
            capacity: the most tokens of a text.
            starts: how many tokens at the left of each are padding.
        """
        state = self.memory.start(self.head.weight[:1].expand(rows, -1))
        return Memory(self._advance, self.head, state, capacity, starts=starts)

    def _advance(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        features, state = self.memory.read(self.dropout(self.embedding(tokens)), state)
        return self.dropout(features), state
