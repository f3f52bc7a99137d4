"""Neuron: a weighted sum of its inputs plus a bias, the unit that every network is made of.

Each weight says how much its input matters and in which direction; the bias moves the threshold
away from the origin. As a classifier of two classes the sum is the score of class 1 against a
score of 0 for class 0, so that softmax makes it logistic regression; as a regressor it is the
answer itself, which makes it linear regression.

    z = w . x + b        two classes: logits (0, z), p(1) = sigmoid(z)        one value: z

Shapes: input `b ...`, flattened to `b d`; output `b 2` (logits) or `b 1` (value). `weight` is
` d`, `bias` has no dimension.

Departures: weights and bias start as torch's do, uniform within 1/sqrt(d).

References:
    Warren McCulloch, Walter Pitts. A logical calculus of the ideas immanent in nervous
    activity. Bulletin of Mathematical Biophysics 5, 1943. https://doi.org/10.1007/BF02478259

>>> unit = Neuron(features=3, classes=1)
>>> _ = unit.load_state_dict({"weight": torch.tensor([1.0, -2.0, 0.5]), "bias": torch.tensor(0.1)})
>>> round(unit(torch.tensor([[2.0, 1.0, 4.0]])).item(), 3)
2.1
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="neuron",
    kind="model",
    entry="Neuron",
    nodes=("neuron",),
    title="Neuron",
    zh="神经元",
    paper="A logical calculus of the ideas immanent in nervous activity",
    year=1943,
    url="https://doi.org/10.1007/BF02478259",
    proofs=(
        "oracle: torch.nn.Linear with the same weights, outputs and gradients to 1e-10 in float64",
        "law: softmax of the logits (0, z) is sigmoid(z)",
    ),
    evidence={"neuron": ("test_equals_linear_with_gradients", "test_its_softmax_is_a_sigmoid")},
    tiny={"features": 3, "classes": 2},
)


class Neuron(nn.Module):
    """One unit, as a classifier of two classes or as a regressor of one value.

    Args:
        features: numbers of one flattened input.
        classes: 2 for logits of two classes, 1 for a value.

    Raises:
        UsageError: more than two classes.
    """

    def __init__(self, *, features: int, classes: int = 2):
        super().__init__()
        if classes > 2:
            raise UsageError(
                f"neuron: one unit tells two classes apart, but there are {classes}; use "
                f"softmax-regression, which has one unit for each class"
            )
        self.classes = classes
        bound = features**-0.5
        self.weight = nn.Parameter(torch.empty(features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(()).uniform_(-bound, bound))

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b k"]:
        """Logits (0, z) of two classes, or the value z."""
        z = (x.flatten(1) @ self.weight + self.bias).unsqueeze(1)
        return z if self.classes == 1 else torch.cat((torch.zeros_like(z), z), 1)
