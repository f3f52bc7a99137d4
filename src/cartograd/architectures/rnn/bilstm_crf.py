"""BiLSTM-CRF: a tagger whose tags are chosen together.

The network scores each tag of each token; a conditional random field on top also scores the
transitions between tags, so that no output is a sequence of tags that never occurs. Trained by the
probability of the right sequence of tags (objective `crf`).

    p(y | tokens) = e^(sum_t score_t(y_t) + move(y_t, y_(t+1))) / Z

Shapes: tokens `b t`, padded on the right; log probabilities of each token's tags `b t k`; `best`
gives the most probable sequence of tags, `b t`.

Departures: the output is the marginal probability of each token's tags under the random field (0 in
the padding): the highest is the tag that is most often right. Words have no spelling features.

References:
    Zhiheng Huang, Wei Xu, Kai Yu. Bidirectional LSTM-CRF models for sequence tagging. 2015.
    https://arxiv.org/abs/1508.01991

>>> import torch
>>> model = BiLSTMCRF(vocabulary=9, classes=4)
>>> tokens = torch.zeros(2, 5, dtype=torch.int64)
>>> model(tokens).shape, model.best(tokens).shape
(torch.Size([2, 5, 4]), torch.Size([2, 5]))
"""

from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.rnn.crf import Chain
from cartograd.architectures.rnn.tagger import Tagger
from cartograd.core.card import Card

CARD = Card(
    name="bilstm-crf",
    kind="model",
    entry="BiLSTMCRF",
    nodes=("rnn/bidirectional",),
    title="BiLSTM-CRF",
    zh="BiLSTM-CRF（双向 LSTM 加条件随机场）",
    paper="Bidirectional LSTM-CRF models for sequence tagging",
    year=2015,
    url="https://arxiv.org/abs/1508.01991",
    proofs=(
        "oracle: enumeration of all rows of tags: sum, best path, marginals and gradients to 1e-10 "
        "in float64, with rows of unequal length",
        "law: without moves it is a softmax at each token; padding changes nothing",
    ),
    tiny={"vocabulary": 11, "padding_id": 0, "dim": 8, "classes": 3},
    objective="crf",
)


class BiLSTMCRF(nn.Module):
    """A tagger with a conditional random field on top.

    Args:
        vocabulary, padding_id: of the tokens.
        classes: how many tags.
        cell: rnn, lstm or gru.
        dim: features of an embedded token, and of the state in each direction.
        depth: number of layers.
        bidirectional: whether a tag's score may depend on what comes after.
        dropout: see `Tagger`.
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
        self.tagger = Tagger(
            vocabulary=vocabulary,
            classes=classes,
            padding_id=padding_id,
            cell=cell,
            dim=dim,
            depth=depth,
            bidirectional=bidirectional,
            dropout=dropout,
        )
        self.chain = Chain(classes)

    def forward(self, tokens: Int[Tensor, "b t"]) -> Float[Tensor, "b t k"]:
        """Log probabilities of every token's tags; 0 in the padding."""
        return self.chain.log_marginals(self.tagger(tokens), self._lengths(tokens))

    def surprise(
        self, tokens: Int[Tensor, "b t"], tags: Int[Tensor, "b t"], /
    ) -> Float[Tensor, " b"]:
        """Minus the log probability of each sequence of tags; a negative tag is unknown."""
        return self.chain.surprise(self.tagger(tokens), tags, self._lengths(tokens))

    def best(self, tokens: Int[Tensor, "b t"], /) -> Int[Tensor, "b t"]:
        """The most probable sequence of tags, by Viterbi's algorithm; 0 in the padding."""
        return self.chain.best(self.tagger(tokens), self._lengths(tokens))[0]

    def _lengths(self, tokens: Tensor) -> Tensor:
        lengths = self.tagger.steps.lengths(tokens)
        full = tokens.new_full((tokens.shape[0],), tokens.shape[1])
        return full if lengths is None else lengths
