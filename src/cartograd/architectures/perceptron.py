"""Perceptron: Rosenblatt's neuron with a step for an output, the first machine that learned.

It says 'yes' when the weighted sum of its inputs is positive. Its own rule (`perceptron-rule`)
touches the weights only after a mistake. If some plane separates the two classes with a margin,
it finds one after a bounded number of mistakes (Novikoff); if none does, as for XOR, it never
settles, and no weights are right on more than three of XOR's four corners.

    y = step(w . x + b)        mistakes <= (R / gamma)^2

where R is the largest length of an example (x, 1) and gamma the margin by which some unit vector
(w, b) separates them.

Shapes: input `b ...`, flattened to `b d`; logits (0, z) `b 2`, whose larger one is the step's
answer.

Departures: it answers with the scores before the step, which every other verb needs; `decide`
takes the step. Rosenblatt's fixed random wiring in front of the unit is left out, as is usual.
Weights start at zero, from where the bound is counted.

References:
    Frank Rosenblatt. The perceptron: a probabilistic model for information storage and
    organization in the brain. Psychological Review 65, 1958. https://doi.org/10.1037/h0042519
    Albert Novikoff. On convergence proofs on perceptrons. Symposium on the Mathematical Theory
    of Automata 12, 1962. https://cs.uwaterloo.ca/~y328yu/classics/novikoff.pdf

>>> import torch
>>> model = Perceptron(features=2)
>>> _ = model.unit.load_state_dict({"weight": torch.ones(2), "bias": torch.tensor(-1.5)})
>>> model.decide(torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])).tolist()
[0.0, 0.0, 0.0, 1.0]
"""

from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.foundations.activations.step import step
from cartograd.foundations.neuron import Neuron

CARD = Card(
    name="perceptron",
    kind="model",
    entry="Perceptron",
    nodes=("arch/perceptron",),
    title="Perceptron",
    zh="感知机",
    paper="The perceptron: a probabilistic model for information storage and organization in "
    "the brain",
    year=1958,
    url="https://doi.org/10.1037/h0042519",
    proofs=(
        "law: on separable data its mistakes stay within Novikoff's bound, and end; on XOR it is "
        "never right on more than three corners of four",
        "oracle: sklearn.linear_model.Perceptron takes the same steps to the same weights",
    ),
    evidence={
        "arch/perceptron": (
            "acceptance:perceptron-converges",
            "acceptance:perceptron-fails-xor",
            "test_mistakes_stay_within_novikoffs_bound",
        ),
    },
    tiny={"features": 3},
    objective="perceptron-rule",
)


class Perceptron(nn.Module):
    """One unit and a step, for two classes.

    Args:
        features: numbers of one flattened input.
        classes: 2, what a step can say.

    Raises:
        UsageError: another number of classes.
    """

    def __init__(self, *, features: int, classes: int = 2):
        super().__init__()
        if classes != 2:
            raise UsageError(
                f"perceptron: a step says yes or no, but the data has {classes} "
                f"{'value' if classes == 1 else 'classes'}; use "
                f"{'neuron' if classes == 1 else 'softmax-regression or mlp'}"
            )
        self.unit = Neuron(features=features)
        nn.init.zeros_(self.unit.weight)
        nn.init.zeros_(self.unit.bias)

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b 2"]:
        """Logits (0, z)."""
        return self.unit(x)

    def decide(self, x: Float[Tensor, "b ..."], /) -> Float[Tensor, " b"]:
        """The perceptron's own answer, step(z): 1 for yes, 0 for no."""
        return step(self.unit(x)[:, 1])
