"""Multilayer perceptron: layers of neurons, each seeing all of the layer before.

A single neuron can only cut its inputs along a plane. A hidden layer with a nonlinearity bends
them first, which is enough for XOR and, with enough units, for any continuous function. Without
hidden layers what remains is softmax regression.

    h_0 = x,    h_l = f(W_l h_(l-1) + b_l),    logits = W h_L + b

Shapes: input `b ...`, flattened to `b d`; logits `b k`.

Departures: weights and biases start as torch's do, uniform within 1/sqrt(inputs of the layer).

References:
    David Rumelhart, Geoffrey Hinton, Ronald Williams. Learning representations by
    back-propagating errors. Nature 323, 1986. https://doi.org/10.1038/323533a0

>>> model = MLP(features=784, classes=10, widths=(128, 64))
>>> sum(weight.numel() for weight in model.parameters())
109386
"""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.foundations.activations.layer import Activation
from cartograd.training.normalization.layers import Features, of_features
from cartograd.training.regularization.dropout import Dropout

CARD = Card(
    name="mlp",
    kind="model",
    entry="MLP",
    nodes=("arch/mlp",),
    title="Multilayer perceptron",
    zh="多层感知机",
    paper="Learning representations by back-propagating errors",
    year=1986,
    url="https://doi.org/10.1038/323533a0",
    proofs=(
        "oracle: a torch.nn.Sequential with the same weights, outputs and gradients to 1e-10 in "
        "float64",
        "law: solves XOR, which no model without a hidden layer can",
        "paper: 784-128-64-10 has 109,386 parameters",
    ),
    evidence={"arch/mlp": ("acceptance:mlp-solves-xor", "acceptance:mlp-fashion")},
    tiny={"features": 4, "classes": 3, "widths": (5, 4)},
)

PRESETS = {
    "softmax-regression": {"widths": ()},
}


class MLP(nn.Module):
    """Fully connected layers with a nonlinearity between them.

    Args:
        features: numbers of one flattened input.
        classes: numbers of the output.
        widths: units of each hidden layer; none for a linear model.
        activation: the nonlinearity, by name.
        norm: normalisation before each nonlinearity: `batch`, `layer`, `rms` or `none`.
        dropout: probability that a hidden unit is set to zero in training.
    """

    def __init__(
        self,
        *,
        features: int,
        classes: int,
        widths: tuple[int, ...] = (128, 64),
        activation: str = "relu",
        norm: Features = None,
        dropout: float = 0.0,
    ):
        super().__init__()
        sizes = (features, *widths)
        self.hidden = nn.ModuleList(nn.Linear(d_in, d_out) for d_in, d_out in pairwise(sizes))
        self.norms = nn.ModuleList(of_features(width, norm=norm) for width in widths)
        self.activations = nn.ModuleList(Activation(activation) for _ in widths)
        self.dropout = Dropout(dropout=dropout)
        self.head = nn.Linear(sizes[-1], classes)

    def shard_plan(self) -> dict[str, str]:
        """Pairs of layers: the units of the first are spread, the second sums over them."""
        names = [*(f"hidden.{i}" for i in range(len(self.hidden))), "head"]
        paired = names[: len(names) // 2 * 2]
        return {name: ("column", "row")[i % 2] for i, name in enumerate(paired)}

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b k"]:
        """Logits, or values for a regressor."""
        h = x.flatten(1)
        for linear, norm, bend in zip(self.hidden, self.norms, self.activations, strict=True):
            h = self.dropout(bend(norm(linear(h))))
        return self.head(h)
