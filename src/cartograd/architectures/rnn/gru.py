"""GRU: two gates and no separate cell, for three quarters of an LSTM's weights.

An update gate z sets how much of the old state is kept and how much of a candidate n replaces it; a
reset gate r sets how much of the old state the candidate depends on. There are two forms,
which are different functions: the paper resets the state before the matrix is applied, cuDNN and
torch after it, which lets all three products of the state be one.

    r = s(W_r x + b_r + U_r h' + b'_r)       z = s(W_z x + b_z + U_z h' + b'_z)
    after:   n = tanh(W_n x + b_n + r (U_n h' + b'_n))
    before:  n = tanh(W_n x + b_n + U_n (r h') + b'_n)
    h = (1 - z) n + z h'

Shapes: tokens `b t`, images `b c y x` (read row by row) or series `b t d`; logits `b k` from the
last state.

Departures: z keeps the old state, as in the paper and in torch; many texts write 1 - z for it,
which is the same function with the signs of W_z, U_z and their biases turned.

References:
    Kyunghyun Cho et al. Learning phrase representations using RNN encoder-decoder for statistical
    machine translation. EMNLP 2014. https://arxiv.org/abs/1406.1078
    Junyoung Chung, Caglar Gulcehre, Kyunghyun Cho, Yoshua Bengio. Empirical evaluation of gated
    recurrent neural networks on sequence modeling. 2014. https://arxiv.org/abs/1412.3555

>>> sum(weight.numel() for weight in recurrence(100, 256).parameters())
274944
"""

from jaxtyping import Float, Shaped
from torch import Tensor, nn

from cartograd.architectures.rnn.recurrence import Gates, Recurrence, State
from cartograd.architectures.rnn.steps import Steps
from cartograd.core.card import Card
from cartograd.foundations.activations.sigmoid import sigmoid
from cartograd.foundations.activations.tanh import tanh

CARD = Card(
    name="gru",
    kind="model",
    entry="GRU",
    nodes=("rnn/gru", "rnn/bidirectional", "rnn/stacked"),
    title="GRU",
    zh="GRU（门控循环单元）",
    paper="Learning phrase representations using RNN encoder-decoder for statistical machine "
    "translation",
    year=2014,
    url="https://arxiv.org/abs/1406.1078",
    proofs=(
        "oracle: torch.nn.GRU, fused and written out, outputs and gradients to 1e-12 in float64; "
        "stacked, bidirectional, packed",
        "law: the form of the paper is another function, and equals its formula; turning the signs "
        "of the update gate's weights gives the other convention",
        "paper: 274,944 weights from 100 to 256 features; 1,732,608 in two bidirectional layers",
    ),
    evidence={
        "rnn/gru": ("test_equals_torch", "test_parameters"),
        "rnn/stacked": ("test_equals_torch",),
    },
    tiny={"vocabulary": 11, "padding_id": 0, "dim": 8, "classes": 3},
)

PRESETS = {
    "gru-2014": {"reset_after": False},
}


class GRU(nn.Module):
    """A classifier of sequences by gated recurrent units.

    Args:
        classes: number of classes.
        features, size: of images (all numbers, rows) or of series (numbers of a step).
        vocabulary: number of different tokens; None for rows of numbers.
        padding_id: the padding token.
        dim: features of the state, and of an embedded token.
        depth: number of layers.
        bidirectional: read the sequence in both directions.
        dropout: probability that a number between two layers is set to zero in training.
        reset_after: cuDNN's form, with a fused kernel; False is the paper's, without one.
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
        reset_after: bool = True,
    ):
        super().__init__()
        self.steps = Steps(
            dim, features=features, size=size, vocabulary=vocabulary, padding_id=padding_id
        )
        self.memory = recurrence(
            self.steps.width,
            dim,
            depth=depth,
            bidirectional=bidirectional,
            dropout=dropout,
            reset_after=reset_after,
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
    reset_after: bool = True,
) -> Recurrence:
    """Layers of gated recurrent units from `features` to `dim` numbers a step."""
    kernel = nn.GRU(
        features,
        dim,
        depth,
        batch_first=True,
        dropout=dropout if depth > 1 else 0.0,
        bidirectional=bidirectional,
    )
    if reset_after:
        return Recurrence(kernel, step_reset_after)
    return Recurrence(kernel, step_reset_before, fused=False)


def step_reset_after(
    asked: Float[Tensor, "b v"],
    state: State,
    weight: Float[Tensor, "v d"],
    bias: Float[Tensor, " v"],
    /,
) -> tuple[State, Gates]:
    """One step of cuDNN's form: `asked` is W x + b of r, z and n; the state is (h,)."""
    (h,) = state
    r_x, z_x, n_x = asked.chunk(3, -1)
    r_h, z_h, n_h = (h @ weight.T + bias).chunk(3, -1)
    r, z = sigmoid(r_x + r_h), sigmoid(z_x + z_h)
    n = tanh(n_x + r * n_h)
    return _mixed(h, r, z, n)


def step_reset_before(
    asked: Float[Tensor, "b v"],
    state: State,
    weight: Float[Tensor, "v d"],
    bias: Float[Tensor, " v"],
    /,
) -> tuple[State, Gates]:
    """One step of the paper's form."""
    (h,) = state
    dim = h.shape[1]
    (r_x, z_x, n_x), (w_n, b_n) = asked.chunk(3, -1), (weight[2 * dim :], bias[2 * dim :])
    r_h, z_h = (h @ weight[: 2 * dim].T + bias[: 2 * dim]).chunk(2, -1)
    r, z = sigmoid(r_x + r_h), sigmoid(z_x + z_h)
    n = tanh(n_x + (r * h) @ w_n.T + b_n)
    return _mixed(h, r, z, n)


def _mixed(h: Tensor, r: Tensor, z: Tensor, n: Tensor) -> tuple[State, Gates]:
    h = (1 - z) * n + z * h
    return (h,), {"reset": r, "update": z, "candidate": n, "state": h}
