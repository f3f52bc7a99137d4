"""The simple recurrent network: the state is a layer that also sees its own last output.

At each step the new state is made of the input and the state before, by the same weights. In
principle it can remember anything; in practice the gradient of what happened long ago is a product
of as many factors as there are steps between, and vanishes or explodes.

    h_t = tanh(W x_t + b + U h_(t-1) + b')

Shapes: tokens `b t`, images `b c y x` (read row by row) or series `b t d`; logits `b k` from the
last state.

Departures: two biases, as torch has them; one would do.

References:
    Jeffrey Elman. Finding structure in time. Cognitive Science 14, 1990.
    https://doi.org/10.1207/s15516709cog1402_1

>>> sum(weight.numel() for weight in recurrence(100, 256).parameters())
91648
"""

from jaxtyping import Float, Shaped
from torch import Tensor, nn

from cartograd.architectures.rnn.recurrence import Gates, Recurrence, State
from cartograd.architectures.rnn.steps import Steps
from cartograd.core.card import Card
from cartograd.foundations.activations.tanh import tanh

CARD = Card(
    name="rnn",
    kind="model",
    entry="RNN",
    nodes=("rnn/vanilla", "rnn/bidirectional", "rnn/stacked"),
    title="Vanilla RNN",
    zh="简单循环网络",
    paper="Finding structure in time",
    year=1990,
    url="https://doi.org/10.1207/s15516709cog1402_1",
    proofs=(
        "oracle: torch.nn.RNN, fused and written out, outputs and gradients to 1e-12 in float64; "
        "stacked, bidirectional, packed",
        "law: padding and the other rows change nothing; gradients vanish with the lag",
        "paper: 91,648 weights from 100 to 256 features; 577,536 in two bidirectional layers",
    ),
    evidence={
        "rnn/vanilla": (
            "test_equals_torch",
            "test_the_gradient_of_a_vanilla_network_vanishes_with_the_lag",
        ),
        "rnn/stacked": ("test_equals_torch",),
    },
    tiny={"vocabulary": 11, "padding_id": 0, "dim": 8, "classes": 3},
)


class RNN(nn.Module):
    """A classifier of sequences by the simple cell.

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
    """Layers of the simple cell from `features` to `dim` numbers a step."""
    kernel = nn.RNN(
        features,
        dim,
        depth,
        batch_first=True,
        dropout=dropout if depth > 1 else 0.0,
        bidirectional=bidirectional,
    )
    return Recurrence(kernel, step)


def step(
    asked: Float[Tensor, "b d"],
    state: State,
    weight: Float[Tensor, "d d"],
    bias: Float[Tensor, " d"],
    /,
) -> tuple[State, Gates]:
    """One step: `asked` is W x + b; the state is (h,)."""
    h = tanh(asked + state[0] @ weight.T + bias)
    return (h,), {"state": h}
