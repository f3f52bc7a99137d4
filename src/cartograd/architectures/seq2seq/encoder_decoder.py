"""Sequence to sequence: a recurrent encoder and decoder, with attention or without.

The encoder's last state is all that a plain decoder has of the source: one vector, whatever the
length. With attention the decoder also takes, at each step, a mean of all the encoder's states,
weighted by the softmax of their scores with its own state.

    plain:       s_t = cell(y_(t-1), s_(t-1)),          s_0 = tanh(W [last states of the encoder])
    additive:    s_t = cell([y_(t-1); c_t], s_(t-1)),   c_t from s_(t-1)      (Bahdanau et al.)
    the others:  s_t = cell(y_(t-1), s_(t-1)),          c_t from s_t          (Luong et al.)
    p(y_t | y_<t, source) = softmax(V o_t),   o_t = s_t, or tanh(U [c_t; s_t])

Trained by teacher forcing: the decoder reads the right tokens. With `teacher_forcing` below 1 it
reads some of its own instead, as it has to when it generates (scheduled sampling).

Shapes: sources `b s`, targets `b t` (shifted right: the begin token first), both padded on the
right; logits `b t v` of the token after each; attention weights `b t s`.

Departures: the source is not turned around (Sutskever et al. do); with two directions each has half
of the features, so that attention needs no further matrix; additive attention's output layer is
Luong's in place of a maxout; the context is not fed to Luong's cell, so that torch's kernel can
take all steps of a target at once; padding of the source is masked; U starts near [0, I], so that
a new model with attention gives what a plain one would and learns as quickly.

References:
    Ilya Sutskever, Oriol Vinyals, Quoc Le. Sequence to sequence learning with neural networks.
    NeurIPS 2014. https://arxiv.org/abs/1409.3215
    Kyunghyun Cho et al. Learning phrase representations using RNN encoder-decoder for statistical
    machine translation. EMNLP 2014. https://arxiv.org/abs/1406.1078
    Dzmitry Bahdanau, Kyunghyun Cho, Yoshua Bengio. Neural machine translation by jointly learning
    to align and translate. ICLR 2015. https://arxiv.org/abs/1409.0473
    Minh-Thang Luong, Hieu Pham, Christopher Manning. Effective approaches to attention-based
    neural machine translation. EMNLP 2015. https://arxiv.org/abs/1508.04025
    Samy Bengio et al. Scheduled sampling for sequence prediction with recurrent neural networks.
    NeurIPS 2015. https://arxiv.org/abs/1506.03099

>>> import torch
>>> model = EncoderDecoder(vocabulary=9, classes=7, dim=8)
>>> source, target = torch.zeros(2, 5, dtype=torch.int64), torch.zeros(2, 3, dtype=torch.int64)
>>> model(source, target).shape, model.alignment(source, target).shape
(torch.Size([2, 3, 7]), torch.Size([2, 3, 5]))
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.architectures.rnn.cells import recurrence
from cartograd.architectures.rnn.memory import Memory
from cartograd.architectures.rnn.recurrence import State
from cartograd.architectures.rnn.steps import Steps
from cartograd.architectures.seq2seq.additive import AdditiveAttention
from cartograd.architectures.seq2seq.attend import weighed
from cartograd.architectures.seq2seq.multiplicative import SCORES, LuongAttention
from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.foundations.activations.tanh import tanh
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="seq2seq",
    kind="model",
    entry="EncoderDecoder",
    nodes=("seq2seq/encoder-decoder", "attention/bahdanau", "attention/luong"),
    title="Sequence to sequence",
    zh="序列到序列",
    paper="Sequence to sequence learning with neural networks",
    year=2014,
    url="https://arxiv.org/abs/1409.3215",
    proofs=(
        "oracle: torch's cells and the formulas step by step, for each attention, outputs and "
        "gradients to 1e-10 in float64",
        "law: a padded batch equals its rows one by one; writing token by token gives the logits "
        "of reading at once, also after going back or in another order of rows",
        "law: beam search with enough beams finds what trying all answers finds",
    ),
    evidence={
        "seq2seq/encoder-decoder": (
            "test_equals_the_formulas_step_by_step",
            "acceptance:translation-spanish",
            "acceptance:translation-chinese",
            "acceptance:bahdanau-beams",
        ),
    },
    tiny={"vocabulary": 11, "classes": 11, "padding_id": 0, "dim": 8},
    objective="label-tokens",
    renamed={"forcing": "teacher_forcing"},
)

PRESETS = {
    "seq2seq-plain": {"attention": "none"},
    "seq2seq-bahdanau": {"attention": "additive"},
    "seq2seq-luong": {"attention": "general"},
    "seq2seq-scaled": {"attention": "scaled"},
}


class EncoderDecoder(nn.Module):
    """A recurrent encoder and decoder.

    Args:
        vocabulary: size of the source's vocabulary.
        classes: size of the target's vocabulary.
        padding_id: the padding token, of both.
        attention: none, additive, dot, scaled, general or concat.
        cell: rnn, lstm or gru.
        dim: features of embedded tokens and of states; even if the encoder has two directions.
        depth: number of layers of the encoder, and of the decoder.
        bidirectional: whether the encoder reads from both ends.
        dropout: probability that a number is set to zero in training: of embeddings, between
            layers, and before the output.
        teacher_forcing: share of the steps of training at which the decoder reads the right token.

    Raises:
        UsageError: there is no such attention or cell, or `dim` is odd.
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        classes: int,
        padding_id: int | None = None,
        attention: str = "general",
        cell: str = "gru",
        dim: int = 256,
        depth: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
        teacher_forcing: float = 1.0,
    ):
        super().__init__()
        if bidirectional and dim % 2:
            raise UsageError(f"seq2seq: dim={dim} cannot be halved for two directions")
        self.steps = Steps(dim, vocabulary=vocabulary, padding_id=padding_id)
        half = dim // 2 if bidirectional else dim
        layers = {"depth": depth, "dropout": dropout}
        self.encoder = recurrence(cell, dim, half, bidirectional=bidirectional, **layers)
        self.attention = _attention(attention, dim)
        self.looks_first = attention == "additive"
        self.embedding = nn.Embedding(classes, dim, padding_idx=padding_id)
        self.writer = recurrence(cell, 2 * dim if self.looks_first else dim, dim, **layers)
        self.bridge = nn.Linear(dim, self.writer.states * depth * dim)
        self.mixed = None
        if self.attention is not None:
            self.mixed = nn.Linear(2 * dim, dim)
            with torch.no_grad():
                self.mixed.weight[:, dim:] += torch.eye(dim)
        self.dropout = Dropout(dropout=dropout)
        self.head = nn.Linear(dim, classes)
        self.teacher_forcing = teacher_forcing

    def forward(
        self, source: Int[Tensor, "b s"], target: Int[Tensor, "b t"]
    ) -> Float[Tensor, "b t v"]:
        """Logits of the token after each of the target's."""
        state = self.begin(source)
        if self.training and self.teacher_forcing < 1:
            return self._partly_forced(target, state)
        features, _, _ = self._read(target, state)
        return self._logits(features)

    def decoder(self, source: Int[Tensor, "b s"], capacity: int, /) -> Memory:
        """A decoder of one output for each source, token by token; the begin token comes first."""
        return Memory(self._advance, self._logits, self.begin(source), capacity)

    def begin(self, source: Int[Tensor, "b s"], /) -> State:
        """The decoder's first state, and what it attends to; batch dimension 1."""
        x, lengths = self.steps(source)
        memory = self.encoder(self.dropout(x), lengths)
        first = tanh(self.bridge(self.encoder.last(memory, lengths)))
        parts = first.unflatten(1, (self.writer.states, self.writer.layers, -1)).permute(1, 2, 0, 3)
        states = tuple(part.contiguous() for part in parts.unbind(0))
        if self.attention is None:
            return states
        if lengths is None:
            lengths = source.new_full((source.shape[0],), source.shape[1])
        mask = torch.arange(source.shape[1], device=source.device) < lengths[:, None]
        return *states, memory[None], self.attention.keys(memory)[None], mask[None]

    def alignment(
        self, source: Int[Tensor, "b s"], target: Int[Tensor, "b t"], /
    ) -> Float[Tensor, "b t s"]:
        """The decoder's attention weights over the source after each target token.

        Raises:
            UsageError: the model has no attention.
        """
        if self.attention is None:
            raise UsageError("this model has no attention to show; attention=general would have")
        state = self.begin(source)
        _, _, asked = self._read(target, state)
        return self._weights(asked, state[self.writer.states :])

    def _advance(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        features, state, _ = self._read(tokens, state)
        return features, state

    def _logits(self, features: Tensor) -> Tensor:
        return self.head(self.dropout(features))

    def _read(self, tokens: Tensor, state: State) -> tuple[Tensor, State, Tensor]:
        """Output features at each token, the state after them, and the query at each."""
        count = self.writer.states
        own, kept = state[:count], state[count:]
        x = self.dropout(self.embedding(tokens))
        if self.attention is None or self.mixed is None:
            y, own = self.writer.read(x, own)
            return y, own, y
        if not self.looks_first:
            y, own = self.writer.read(x, own)
            context = self._look(y, kept)
            return tanh(self.mixed(torch.cat([context, y], 2))), (*own, *kept), y
        asked, contexts, states = [], [], []
        for t in range(tokens.shape[1]):
            asked.append(own[0][-1][:, None])
            contexts.append(self._look(asked[-1], kept))
            y, own = self.writer.read(torch.cat([x[:, t : t + 1], contexts[-1]], 2), own)
            states.append(y)
        both = torch.cat([torch.cat(contexts, 1), torch.cat(states, 1)], 2)
        return tanh(self.mixed(both)), (*own, *kept), torch.cat(asked, 1)

    def _look(self, queries: Tensor, kept: State) -> Tensor:
        """A mean of the source's states for each query."""
        return self._weights(queries, kept) @ kept[0][0]

    def _weights(self, queries: Tensor, kept: State) -> Tensor:
        _, keys, mask = (part[0] for part in kept)
        assert self.attention is not None  # what is kept was made by it
        return weighed(self.attention.fits(queries, keys), mask)

    def _partly_forced(self, target: Tensor, state: State) -> Tensor:
        """Step by step; some of the right tokens are replaced by the likeliest of the last step."""
        tokens, logits = target[:, :1], []
        for t in range(target.shape[1]):
            features, state, _ = self._read(tokens, state)
            logits.append(self._logits(features))
            if t + 1 < target.shape[1]:
                right = torch.rand(target.shape[0], 1, device=target.device) < self.teacher_forcing
                tokens = torch.where(right, target[:, t + 1 : t + 2], logits[-1].argmax(2))
        return torch.cat(logits, 1)


def _attention(name: str, dim: int) -> AdditiveAttention | LuongAttention | None:
    if name == "none":
        return None
    if name == "additive":
        return AdditiveAttention(dim=dim)
    if name not in SCORES:
        raise unknown("attention", name, ("none", "additive", *SCORES))
    return LuongAttention(dim=dim, score=name)
