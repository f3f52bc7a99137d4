"""Gradient matching: examples with right labels that teach a victim's wrong answer.

The attacker wants a victim, a test example, answered as another class by whoever trains on the
data, from scratch. He moves a few training examples of that class, by little, until the gradient
that they give points where that of the victim with the wrong label would: to learn from them is to
learn that. Feature collision needs the features to be those that a last layer is learned on; here
all weights may be learned.

    min over p   1 - cos( sum_i grad L(f(p_i), y),  grad L(f(t), y) ),   |p_i - b_i| <= eps

f is a network that the attacker has, t the victim, y the class and b_i examples of it.

Shapes: inputs `n ...` within bounds.

Departures: one network, as it is after its training, and no augmentation in the search; a step is
one of Adam with the sign of the gradient, and its length falls to a tenth three times, as theirs.

Measured: of digits with 60 of 1,264 examples moved by .2, networks of another seed answered one of
six victims as wanted, the least sure one, and gave two more odds hundreds of times better.

References:
    Jonas Geiping, Liam Fowl, W. Ronny Huang, Wojciech Czaja, Gavin Taylor, Michael Moeller, Tom
    Goldstein. Witches' brew: industrial scale data poisoning via gradient matching. ICLR 2021.
    https://arxiv.org/abs/2009.02276

>>> GradientMatching(target=1, victim=2).eps
0.1
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.poisoning import Poisoned
from cartograd.core.ports import Signature
from cartograd.core.signed import Signed
from cartograd.data.dataset.plan import generator
from cartograd.frontier.inputs import looking
from cartograd.frontier.security.gain import logits
from cartograd.frontier.security.poisons.aimed import Aim

CARD = Card(
    name="gradient-matching",
    kind="poison",
    entry="GradientMatching",
    nodes=("threat/poisoning",),
    title="Gradient matching (Witches' Brew)",
    zh="梯度匹配投毒（女巫酿造）",
    aliases=("witches-brew",),
    paper="Witches' brew: industrial scale data poisoning via gradient matching",
    year=2021,
    url="https://arxiv.org/abs/2009.02276",
    proofs=(
        "law: no label changes and no number moves by more than eps or leaves its bounds; the "
        "gradients come much nearer to the victim's",
        "law: networks that learn such data from scratch give the wanted class far better odds for "
        "the victim than those of clean data, and than those of random changes as large",
    ),
    tiny={"examples": 3, "steps": 3, "restarts": 1, "target": 1, "victim": 2},
)


class GradientMatching:
    """Examples of a class that have the gradient of a victim with a wrong label.

    Args:
        run: of a classifier of the same inputs, whose gradients are met.
        target: the class that the victim shall be answered as, by name or number.
        victim: the class of the victim, a test example that the run answers rightly.
        examples: how many are moved.
        eps: by how much a number may move, in the units of the input port.
        steps: of the search.
        restarts: how often it begins, at random changes, of which the nearest gradient is kept; 0
            begins once, at the examples themselves.
        seed: of which victim, which examples, and of the changes.
    """

    def __init__(
        self,
        *,
        run: Any = None,
        target: str | int = 0,
        victim: str | int = 1,
        examples: int = 50,
        eps: float = 0.1,
        steps: int = 100,
        restarts: int = 2,
        seed: int = 0,
    ):
        self.aim = Aim("gradient-matching", run, target, victim, seed)
        self.examples, self.eps, self.steps, self.restarts = examples, eps, steps, restarts

    def __call__(
        self,
        x: Shaped[Tensor, "n ..."],
        y: Int[Tensor, " n"],
        signature: Signature,
        others: tuple[Tensor, Tensor],
        /,
    ) -> Poisoned:
        """Some examples of the target, moved until their gradient is the victim's.

        Raises:
            UsageError: no run is given or it takes other inputs, the inputs have no bounds, there
                is no such class, victim or number of examples.
        """
        model, bounds = self.aim.network(x, signature)
        rows = self.aim.rows(y, signature, self.examples)
        victim, target = self.aim.chosen(model, *others, signature), self.aim.wanted(signature)
        weights = [part for part in model.parameters() if part.requires_grad]
        if not weights:
            raise UsageError("gradient-matching: the run has no weights that learn")
        inputs = x.clone()
        with looking(model, x[rows]):
            aim = slopes(model, weights, victim, target)
            found = [
                self._moved(model, weights, x[rows], target, aim, bounds, start)
                for start in range(max(1, self.restarts))
            ]
        inputs[rows] = min(found, key=lambda one: one[0])[1]
        return Poisoned(inputs, y.clone(), rows)

    def probes(
        self, x: Shaped[Tensor, "n ..."], y: Int[Tensor, " n"], signature: Signature, /
    ) -> tuple[Tensor, Tensor]:
        """The victim, and the target."""
        return self.aim.probes(x, y, signature)

    def _moved(
        self,
        model: Signed,
        weights: Sequence[Tensor],
        x: Tensor,
        target: int,
        aim: Tensor,
        bounds: tuple[float, float],
        start: int,
    ) -> tuple[float, Tensor]:
        """How far the gradient is from the aim in the end, and the examples."""
        low, high = (x - self.eps).clamp(*bounds), (x + self.eps).clamp(*bounds)
        reach = self.eps if self.restarts else 0.0
        drawn = torch.rand(x.shape, generator=generator(self.aim.seed, "changes", start)).to(x)
        point = torch.minimum(torch.maximum(x + reach * (2 * drawn - 1), low), high)
        point.requires_grad_()
        optimizer = torch.optim.Adam([point], lr=self.eps / 5)
        falls = [self.steps * k // 8 for k in (3, 5, 7)]
        schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, falls, 0.1)
        for _ in range(self.steps):
            apart = 1 - alike(slopes(model, weights, point, target, learning=True), aim)
            (slope,) = torch.autograd.grad(apart, point)
            point.grad = slope.sign()
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                point.copy_(torch.minimum(torch.maximum(point, low), high))
        point = point.detach()
        return float(1 - alike(slopes(model, weights, point, target), aim)), point


def slopes(
    model: Signed,
    weights: Sequence[Tensor],
    x: Float[Tensor, "n ..."],
    target: int,
    /,
    *,
    learning: bool = False,
) -> Float[Tensor, " d"]:
    """The gradient of the loss of inputs that are told to be of a class, in a row."""
    y = torch.full((len(x),), target, device=x.device)
    loss = F.cross_entropy(logits(model, x), y)
    found = torch.autograd.grad(loss, weights, create_graph=learning)
    return torch.cat([one.flatten() for one in found])


def alike(one: Float[Tensor, " d"], other: Float[Tensor, " d"], /) -> Float[Tensor, ""]:
    """The cosine of two gradients."""
    return F.cosine_similarity(one, other, 0)
