"""Label flips: some training examples are told to be of another class.

The plainest poison, and the one that happens without an attacker, too. Flips at random mostly cost
a little accuracy everywhere; those of one class to another move the boundary between the two.

    y' != y for a share of the examples

Shapes: inputs `n ...`, classes `n`.

Departures: of the paper, which chooses the flips that harm a support vector machine most, these
are drawn at random.

References:
    Battista Biggio, Blaine Nelson, Pavel Laskov. Support vector machines under adversarial label
    noise. ACML 2011. https://proceedings.mlr.press/v20/biggio11.html

>>> import torch
>>> from cartograd.core.ports import Port, Signature
>>> told = Signature((Port("x", "vector", (1,)),), (Port("y", "label", (2,), task="classify"),))
>>> x, y = torch.zeros(4, 1), torch.tensor([0, 1, 0, 1])
>>> (LabelFlip(share=0.5)(x, y, told, (x, y)).targets != y).sum()
tensor(2)
"""

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.poisoning import Poisoned
from cartograd.core.ports import Signature
from cartograd.data.dataset.plan import generator
from cartograd.data.dataset.seen_classes import labels_of
from cartograd.frontier.security.poisons.drawn import check_classes, number_of, some

CARD = Card(
    name="label-flip",
    kind="poison",
    entry="LabelFlip",
    nodes=("threat/poisoning",),
    title="Label flips",
    zh="标签翻转",
    paper="Support vector machines under adversarial label noise",
    year=2011,
    url="https://proceedings.mlr.press/v20/biggio11.html",
    proofs=(
        "law: as many labels as the share says are others than before, all of them of the victim "
        "where one is named, and no input changes; between others each class comes as often as "
        "any",
    ),
    tiny={"share": 0.5},
)


class LabelFlip:
    """Wrong classes told of some examples.

    Args:
        share: of all training examples, or of those of the `victim`.
        victim: the class whose examples are told to be of others, by name or number; of any if
            left out.
        target: the class that they are told to be of; any other one if left out.
        seed: of which examples, and of their classes.
    """

    def __init__(
        self,
        *,
        share: float = 0.2,
        victim: str | int | None = None,
        target: str | int | None = None,
        seed: int = 0,
    ):
        self.share, self.victim, self.target, self.seed = share, victim, target, seed

    def __call__(
        self,
        x: Shaped[Tensor, "n ..."],
        y: Int[Tensor, " n"],
        signature: Signature,
        _: tuple[Tensor, Tensor],
        /,
    ) -> Poisoned:
        """The same inputs, some of them told to be of another class.

        Raises:
            UsageError: the examples are not of one class each, there is no such class or only
                one, or the share leaves no example.
        """
        check_classes("label-flip", signature)
        classes = len(labels_of(signature.output))
        may = torch.ones_like(y, dtype=torch.bool)
        if self.victim is not None:
            may = y == number_of(self.victim, signature.output)
        target = None if self.target is None else number_of(self.target, signature.output)
        if classes < 2 or (target is not None and self.victim == self.target):
            raise UsageError("label-flip tells of another class; expected two that differ")
        if target is not None:
            may = may & (y != target)
        own = may.nonzero()[:, 0]
        rows = some(own, round(self.share * len(own)), "that may be flipped", self.seed)
        step = torch.randint(1, classes, (len(rows),), generator=generator(self.seed, "flip"))
        told = y.clone()
        told[rows] = (y[rows] + step) % classes if target is None else target
        return Poisoned(x, told, rows)

    def probes(
        self, x: Shaped[Tensor, "n ..."], y: Int[Tensor, " n"], signature: Signature, /
    ) -> tuple[Tensor, Tensor] | None:
        """Of a victim and a target, those of the victim; of flips at random nothing."""
        if self.victim is None or self.target is None:
            return None
        rows = y == number_of(self.victim, signature.output)
        return x[rows], y[rows] * 0 + number_of(self.target, signature.output)
