"""Concept bottleneck: the answer depends on the input only through concepts that have names.

A network says of each concept whether it is there; a linear layer answers from these probabilities
alone. So an answer can be read off its concepts, and corrected: somebody who sees that a concept is
wrong sets it right, and the answer follows.

    c = sigmoid(g(x)),    y = W c + b

Shapes: x (b ...), flattened; concepts (b k1); logits (b k).

Departures: the concepts of a class are told once for the class, not for each example; a concept
that a class lacks is 0 in it.

References:
    Pang Wei Koh, Thao Nguyen, Yew Siang Tang, Stephen Mussmann, Emma Pierson, Been Kim, Percy
    Liang. Concept bottleneck models. ICML 2020. https://arxiv.org/abs/2007.04612

>>> model = ConceptBottleneck(features=3, classes=2, concepts=((0,), (0, 1)))
>>> model.codes.tolist(), model.concepts_of(torch.randn(5, 3)).shape
([[1.0, 1.0], [0.0, 1.0]], torch.Size([5, 2]))
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.architectures.mlp import MLP
from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="concept-bottleneck",
    kind="model",
    entry="ConceptBottleneck",
    nodes=("xai/concept-bottleneck",),
    title="Concept bottleneck model",
    zh="概念瓶颈模型",
    paper="Concept bottleneck models",
    year=2020,
    url="https://arxiv.org/abs/2007.04612",
    proofs=(
        "law: inputs of the same concepts have the same answer, to the bit",
        "law: with every concept set right all answers are right where no two classes share theirs",
    ),
    tiny={"features": 4, "classes": 3, "concepts": ((0, 1), (1, 2)), "widths": (5,)},
    objective="learn-concepts",
)

PRESETS = {
    "concept-bottleneck-fashion": {
        "concepts": ((2, 4, 6), (0, 2, 3, 4, 6), (1, 3), (5, 7, 9), (4, 6), (4,), (9,), (5,)),
        "names": (
            "long sleeves",
            "covers the torso",
            "below the waist",
            "footwear",
            "opens in front",
            "worn over others",
            "reaches the ankle",
            "straps",
        ),
    },
}
"""Of Fashion-MNIST's classes, by number; no two of them share all concepts."""


class ConceptBottleneck(nn.Module):
    """Answers by concepts alone.

    Args:
        features: numbers of one flattened input.
        classes: numbers of the answer.
        concepts: of each concept the classes that have it, by number.
        names: of the concepts; by default their numbers.
        widths: units of each hidden layer before the concepts.

    Raises:
        UsageError: no concepts, a class that does not exist, or not a name for each.
    """

    codes: Tensor

    def __init__(
        self,
        *,
        features: int,
        classes: int,
        concepts: tuple[tuple[int, ...], ...] = (),
        names: tuple[str, ...] = (),
        widths: tuple[int, ...] = (128,),
    ):
        super().__init__()
        if not concepts:
            raise UsageError(
                "concept-bottleneck needs concepts: of each the classes that have it, like "
                "concepts=[[0,2],[1]]; of Fashion-MNIST there are concept-bottleneck-fashion's"
            )
        if names and len(names) != len(concepts):
            raise UsageError(f"{len(names)} names for {len(concepts)} concepts; expected as many")
        wrong = [one for each in concepts for one in each if not 0 <= one < classes]
        if wrong:
            raise UsageError(
                f"concepts name the class {wrong[0]}; expected 0 to {classes - 1}, as the data has "
                f"{classes} classes"
            )
        self.names = names or tuple(f"concept {number}" for number in range(1, len(concepts) + 1))
        codes = torch.zeros(classes, len(concepts))
        for number, those in enumerate(concepts):
            codes[list(those), number] = 1
        self.register_buffer("codes", codes, persistent=False)
        self.network = MLP(features=features, classes=len(concepts), widths=widths)
        self.head = nn.Linear(len(concepts), classes)

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b k"]:
        """Logits."""
        return self.head(self.concepts_of(x))

    def concepts_of(self, x: Float[Tensor, "b ..."], /) -> Float[Tensor, "b k1"]:
        """The probability of each concept."""
        return self.network(x).sigmoid()
