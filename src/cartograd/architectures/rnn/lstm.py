"""LSTM: a memory cell that is added to rather than overwritten, and gates that guard it.

The cell's content is carried from step to step; three gates between 0 and 1 decide what is
forgotten, added and put out. With the forget gate open the gradient passes through any number of
steps undiminished, so that long dependencies can be learned.

    i = s(W_i x + b_i + U_i h')    f = s(W_f x + b_f + U_f h')    o = s(W_o x + b_o + U_o h')
    g = tanh(W_g x + b_g + U_g h')        c = f c' + i g        h = o tanh(c)

where h' and c' are of the step before and s is the sigmoid.

Shapes: tokens `b t`, images `b c y x` (read row by row) or series `b t d`; logits `b k` from the
last state.

Departures: with forget gates (Gers et al.) and without peepholes, as everywhere today; the forget
gates' bias starts at 1 more than torch's (Jozefowicz et al.), so that a new LSTM remembers.

References:
    Sepp Hochreiter, Jürgen Schmidhuber. Long short-term memory. Neural Computation 9, 1997.
    https://doi.org/10.1162/neco.1997.9.8.1735
    Felix Gers, Jürgen Schmidhuber, Fred Cummins. Learning to forget: continual prediction with
    LSTM. Neural Computation 12, 2000. https://doi.org/10.1162/089976600300015015
    Rafal Jozefowicz, Wojciech Zaremba, Ilya Sutskever. An empirical exploration of recurrent
    network architectures. ICML 2015. https://proceedings.mlr.press/v37/jozefowicz15.html

>>> sum(weight.numel() for weight in recurrence(100, 256).parameters())
366592
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from cartograd.architectures.rnn.recurrence import Gates, Recurrence, State
from cartograd.architectures.rnn.steps import Steps
from cartograd.core.card import Card
from cartograd.foundations.activations.sigmoid import sigmoid
from cartograd.foundations.activations.tanh import tanh

CARD = Card(
    name="lstm",
    kind="model",
    entry="LSTM",
    nodes=("rnn/lstm", "rnn/bidirectional", "rnn/stacked"),
    title="LSTM",
    zh="LSTM（长短期记忆网络）",
    paper="Long short-term memory",
    year=1997,
    url="https://doi.org/10.1162/neco.1997.9.8.1735",
    proofs=(
        "oracle: torch.nn.LSTM, fused and written out, outputs and gradients to 1e-12 in float64; "
        "stacked, bidirectional, packed",
        "law: with the forget gate open and the input gate shut the cell keeps its content and "
        "its gradient",
        "paper: 366,592 weights from 100 to 256 features; 2,310,144 in two bidirectional layers",
    ),
    evidence={
        "rnn/lstm": ("test_equals_torch", "test_gates_explain_the_states", "acceptance:memory"),
        "rnn/stacked": ("test_equals_torch",),
    },
    tiny={"vocabulary": 11, "padding_id": 0, "dim": 8, "classes": 3},
)


class LSTM(nn.Module):
    """A classifier of sequences by LSTM cells.

    Args:
        classes: number of classes.
        features, size: of images (all numbers, rows) or of series (numbers of a step).
        vocabulary: number of different tokens; None for rows of numbers.
        padding_id: the padding token.
        dim: features of the state, and of an embedded token.
        depth: number of layers.
        bidirectional: read the sequence in both directions.
        dropout: probability that a number between two layers is set to zero in training.
    """

    def __init__(
        self,
        *,
        classes: int,
        features: int | None = None,
        size: int | None = None,
        vocabulary: int | None = None,
        padding_id: int | None = None,
        dim: int = 128,
        depth: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.steps = Steps(
            dim, features=features, size=size, vocabulary=vocabulary, padding_id=padding_id
        )
        self.memory = recurrence(
            self.steps.width, dim, depth=depth, bidirectional=bidirectional, dropout=dropout
        )
        self.head = nn.Linear(self.memory.width, classes)

    def forward(self, x: Shaped[Tensor, "b ..."]) -> Float[Tensor, "b k"]:
        """Logits."""
        return self.head(self.memory.ends(*self.steps(x)))


def recurrence(
    features: int,
    dim: int,
    /,
    *,
    depth: int = 1,
    bidirectional: bool = False,
    dropout: float = 0.0,
) -> Recurrence:
    """Layers of LSTM cells from `features` to `dim` numbers a step."""
    kernel = nn.LSTM(
        features,
        dim,
        depth,
        batch_first=True,
        dropout=dropout if depth > 1 else 0.0,
        bidirectional=bidirectional,
    )
    with torch.no_grad():
        for _, _, bias, _ in kernel.all_weights:
            bias[dim : 2 * dim] += 1  # the order is i, f, g, o
    return Recurrence(kernel, step)


def step(
    asked: Float[Tensor, "b v"],
    state: State,
    weight: Float[Tensor, "v d"],
    bias: Float[Tensor, " v"],
    /,
) -> tuple[State, Gates]:
    """One step: `asked` is W x + b of all four gates; the state is (h, c)."""
    h, c = state
    i, f, g, o = (asked + h @ weight.T + bias).chunk(4, -1)
    i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)
    c = f * c + i * g
    h = o * tanh(c)
    return (h, c), {"input": i, "forget": f, "candidate": g, "output": o, "cell": c, "state": h}
