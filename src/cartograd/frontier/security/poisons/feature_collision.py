"""Feature collision: pictures with right labels, moved until a network takes them for a victim.

The attacker has one test example in mind, the victim, and wants it answered as another class. He
moves a few training examples of that class, by little, until the features of a network that he has
are those of the victim. Whoever learns a last layer on such features learns that this place belongs
to the class; nobody who looks at the pictures sees a wrong label.

    min over p   |f(p) - f(t)|^2   with |p - b| <= eps

f gives the features before the last layer, t is the victim and b an example of the class.

Shapes: inputs `n ...` within bounds; features `n d`.

Departures: a box around b where the paper has a penalty on the distance, and Adam on all poisons
together where it has a step for each part.

References:
    Ali Shafahi, W. Ronny Huang, Mahyar Najibi, Octavian Suciu, Christoph Studer, Tudor Dumitras,
    Tom Goldstein. Poison frogs! Targeted clean-label poisoning attacks on neural networks. NeurIPS
    2018. https://arxiv.org/abs/1804.00792

>>> FeatureCollision(target=1, victim=2).eps
0.3
"""

from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.poisoning import Poisoned
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed
from cartograd.frontier.explain.studies.hidden import before_the_last
from cartograd.frontier.inputs import answers, looking
from cartograd.frontier.security.poisons.aimed import Aim

CARD = Card(
    name="feature-collision",
    kind="poison",
    entry="FeatureCollision",
    nodes=("threat/poisoning",),
    title="Feature collision (poison frogs)",
    zh="特征碰撞投毒",
    aliases=("poison-frogs",),
    paper="Poison frogs! Targeted clean-label poisoning attacks on neural networks",
    year=2018,
    url="https://arxiv.org/abs/1804.00792",
    proofs=(
        "law: no label changes and no number moves by more than eps or leaves its bounds; the "
        "features come much nearer to the victim's",
        "law: last layers that are learned on such examples mostly take the victim for the class, "
        "those learned on clean ones do not",
    ),
    tiny={"examples": 3, "steps": 3, "target": 1, "victim": 2},
)


class FeatureCollision:
    """Examples of a class that have a victim's features.

    Args:
        run: of a classifier of the same inputs, whose features are met.
        target: the class that the victim shall be answered as, by name or number.
        victim: the class of the victim, a test example that the run answers rightly.
        examples: how many are moved.
        eps: by how much a number may move, in the units of the input port.
        steps: of the search.
        seed: of which victim and which examples.
    """

    def __init__(
        self,
        *,
        run: Any = None,
        target: str | int = 0,
        victim: str | int = 1,
        examples: int = 20,
        eps: float = 0.3,
        steps: int = 100,
        seed: int = 0,
    ):
        self.aim = Aim("feature-collision", run, target, victim, seed)
        self.examples, self.eps, self.steps = examples, eps, steps

    def __call__(
        self,
        x: Shaped[Tensor, "n ..."],
        y: Int[Tensor, " n"],
        signature: Signature,
        others: tuple[Tensor, Tensor],
        /,
    ) -> Poisoned:
        """Some examples of the target, moved towards the victim's features.

        Raises:
            UsageError: no run is given or it takes other inputs, the inputs have no bounds, there
                is no such class, victim or number of examples.
        """
        model, bounds = self.aim.network(x, signature)
        rows = self.aim.rows(y, signature, self.examples)
        victim = self.aim.chosen(model, *others, signature)
        inputs = x.clone()
        inputs[rows] = self._moved(model, x[rows], victim, bounds)
        return Poisoned(inputs, y.clone(), rows)

    def probes(
        self, x: Shaped[Tensor, "n ..."], y: Int[Tensor, " n"], signature: Signature, /
    ) -> tuple[Tensor, Tensor]:
        """The victim, and the target."""
        return self.aim.probes(x, y, signature)

    def _moved(
        self, model: Signed, x: Tensor, victim: Tensor, bounds: tuple[float, float]
    ) -> Tensor:
        """Examples with features as near to the victim's as the box allows."""
        low, high = (x - self.eps).clamp(*bounds), (x + self.eps).clamp(*bounds)
        with looking(model, x):
            aim = features(model, victim).detach()
            point = x.clone().requires_grad_()
            optimizer = torch.optim.Adam([point], lr=self.eps / 10)
            for _ in range(self.steps):
                apart = (features(model, point) - aim).square().sum()
                (point.grad,) = torch.autograd.grad(apart, point)
                optimizer.step()
                with torch.no_grad():
                    point.copy_(torch.minimum(torch.maximum(point, low), high))
        return point.detach()


def features(model: Signed, x: Float[Tensor, "n ..."], /) -> Float[Tensor, "n d"]:
    """What the last dense layer is given.

    Raises:
        UsageError: the model calls none.
    """
    with before_the_last(model) as seen:
        answers(model, x)
    if not seen:
        raise UsageError("the model calls no dense layer whose input would be its features")
    return seen[-1].flatten(1)
