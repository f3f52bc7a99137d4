"""A tagger: one label for every token, from a network that reads the whole sequence.

Whether "run" is a noun or a verb depends on the words around it. A one-way network has seen only
those before; a bidirectional one concatenates the states of both directions at each token.

    logits_t = W [h_t forward; h_t backward] + b

Shapes: tokens `b t`, padded on the right; logits `b t k`.

Departures: none.

References:
    Alex Graves, Jürgen Schmidhuber. Framewise phoneme classification with bidirectional LSTM and
    other neural network architectures. Neural Networks 18, 2005.
    https://doi.org/10.1016/j.neunet.2005.06.042

>>> import torch
>>> Tagger(vocabulary=9, classes=4)(torch.zeros(2, 5, dtype=torch.int64)).shape
torch.Size([2, 5, 4])
"""

from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.rnn.cells import recurrence
from cartograd.architectures.rnn.steps import Steps
from cartograd.core.card import Card
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="tagger",
    kind="model",
    entry="Tagger",
    nodes=("rnn/bidirectional",),
    title="Recurrent tagger",
    zh="循环序列标注",
    paper="Framewise phoneme classification with bidirectional LSTM and other neural network "
    "architectures",
    year=2005,
    url="https://doi.org/10.1016/j.neunet.2005.06.042",
    proofs=(
        "oracle: torch.nn.LSTM on packed rows between torch's embedding and dense layer, outputs "
        "and gradients to 1e-12 in float64",
        "law: a tag that depends on the next token is learned by the two-way network alone",
    ),
    evidence={
        "rnn/bidirectional": ("test_only_two_ways_see_what_comes_after", "acceptance:tagging"),
    },
    tiny={"vocabulary": 11, "padding_id": 0, "dim": 8, "classes": 3},
    objective="label-tokens",
)

PRESETS = {
    "bilstm-tagger": {"cell": "lstm", "bidirectional": True},
    "lstm-tagger": {"cell": "lstm", "bidirectional": False},
}


class Tagger(nn.Module):
    """Embedded tokens, recurrent layers, and a dense layer at each step.

    Args:
        vocabulary, padding_id: of the tokens.
        classes: how many tags.
        cell: rnn, lstm or gru.
        dim: features of an embedded token, and of the state in each direction.
        depth: number of layers.
        bidirectional: whether a tag may depend on what comes after.
        dropout: probability that a number is set to zero in training: of the embeddings, between
            layers, and of the last layer.
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        classes: int,
        padding_id: int | None = None,
        cell: str = "lstm",
        dim: int = 128,
        depth: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.steps = Steps(dim, vocabulary=vocabulary, padding_id=padding_id)
        self.memory = recurrence(
            cell, dim, dim, depth=depth, bidirectional=bidirectional, dropout=dropout
        )
        self.dropout = Dropout(dropout=dropout)
        self.head = nn.Linear(self.memory.width, classes)

    def forward(self, tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b t k"]:
        """Logits of every token's tag."""
        x, lengths = self.steps(tokens)
        return self.head(self.dropout(self.memory(self.dropout(x), lengths)))
