"""Interventions: how many more answers are right as concepts are set right, one after another.

Of each example some of the concepts that the network says are replaced by the true ones, and the
last layer answers again. The order matters to whoever has to be asked: those of which the network
is least sure first, beside an order at random.

    accuracy(m) = share of x with  argmax (W c' + b) = y,    c' = c with m concepts set right

Shapes: x (n ...), y (n).

Departures: none.

References:
    Pang Wei Koh, Thao Nguyen, Yew Siang Tang, Stephen Mussmann, Emma Pierson, Been Kim, Percy
    Liang. Concept bottleneck models. ICML 2020. https://arxiv.org/abs/2007.04612

>>> from cartograd.frontier.explain.glassbox.concept_bottleneck import ConceptBottleneck
>>> model = ConceptBottleneck(features=3, classes=2, concepts=((0,), (0, 1)))
>>> interventions(model, torch.randn(9, 3), torch.arange(9) % 2).corrected
(0, 1, 2)
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.eval_mode import evaluating
from cartograd.frontier.explain.glassbox.concept_bottleneck import ConceptBottleneck
from cartograd.frontier.explain.glassbox.inner import inner_of
from cartograd.frontier.explain.glassbox.learn_concepts import concepts_in
from cartograd.frontier.explain.studies.hidden import check_labelled
from cartograd.frontier.inputs import check_takes

CARD = Card(
    name="interventions",
    kind="study",
    entry="interventions",
    nodes=("xai/concept-bottleneck",),
    title="Interventions on concepts",
    zh="概念干预",
    paper="Concept bottleneck models",
    year=2020,
    url="https://arxiv.org/abs/2007.04612",
    proofs=(
        "law: on real pictures each further concept that is set right raises accuracy, from the "
        "network's own to all right",
    ),
    evidence={
        "xai/concept-bottleneck": (
            "test_interventions_raise_accuracy",
            "test_the_same_concepts_have_the_same_answer",
        )
    },
)


@dataclass(frozen=True)
class Interventions:
    """Accuracy by the number of concepts that were set right.

    Attributes:
        corrected: how many.
        unsure: accuracy, those of which the network is least sure first.
        drawn: the same in an order at random.
        concepts: of each concept its name and how often the network is right about it.
    """

    corrected: tuple[int, ...]
    unsure: tuple[float, ...]
    drawn: tuple[float, ...]
    concepts: tuple[tuple[str, float], ...]

    columns = ("concepts set right", "least sure first", "at random")

    @property
    def notes(self) -> list[tuple[str, str]]:
        """How often the network is right about each concept."""
        return [(name, f"right {share:.1%}") for name, share in self.concepts]

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each number."""
        each = zip(self.corrected, self.unsure, self.drawn, strict=True)
        return [(str(n), f"{a:.1%}", f"{b:.1%}") for n, a, b in each]

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        curves = {"corrected": self.corrected, "unsure": self.unsure, "random": self.drawn}
        return {key: list(value) for key, value in curves.items()} | {
            "concepts": dict(self.concepts)
        }


def interventions(
    model: nn.Module,
    x: Float[Tensor, "n ..."],
    y: Shaped[Tensor, "n ..."],
    /,
    *,
    seed: int = 0,
) -> Interventions:
    """Set concepts right, one after another.

    Args:
        model: a concept bottleneck.
        x: examples.
        y: their classes, which have the true concepts.
        seed: of the order at random.

    Raises:
        UsageError: the model has no concepts, or the examples no classes.
    """
    check_takes(model, x)
    y, own = check_labelled(y, "interventions").to(x.device), concepts_in(model)
    with evaluating(model), torch.no_grad():
        said = own.concepts_of(inner_of(model, x)[1])
        true = own.codes[y]
        draw = torch.rand(said.shape, generator=torch.Generator().manual_seed(seed)).to(x.device)
        counts = tuple(range(said.shape[1] + 1))
        unsure, drawn = (
            tuple(_right(own, said, true, order, count, y) for count in counts)
            for order in ((said - 0.5).abs().argsort(1), draw.argsort(1))
        )
    shares = ((said > 0.5) == (true > 0.5)).double().mean(0).tolist()
    return Interventions(counts, unsure, drawn, tuple(zip(own.names, shares, strict=True)))


def _right(
    own: ConceptBottleneck,
    said: Float[Tensor, "n k1"],
    true: Float[Tensor, "n k1"],
    order: Int[Tensor, "n k1"],
    count: int,
    y: Int[Tensor, " n"],
) -> float:
    asked = torch.zeros_like(said, dtype=torch.bool).scatter_(1, order[:, :count], True)
    answer = own.head(torch.where(asked, true, said)).argmax(1)
    return float((answer == y).double().mean())
