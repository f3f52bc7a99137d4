"""Learning concepts: each concept by its own right answer, the classes by the concepts.

Three ways, by what the last layer learns from: the true concepts (independent), those that the
network says, without telling it so (sequential), or the same with the gradient going on into the
network (joint), which makes better answers and worse concepts.

    loss = CE(W c' + b, y) + mean_j BCE(c_j, codes[y]_j),    c' = codes[y], or c

Shapes: a batch is (inputs ..., classes ` b`).

Departures: network and last layer learn at the same time in all three.

References:
    Pang Wei Koh, Thao Nguyen, Yew Siang Tang, Stephen Mussmann, Emma Pierson, Been Kim, Percy
    Liang. Concept bottleneck models. ICML 2020. https://arxiv.org/abs/2007.04612

>>> import torch
>>> from cartograd.frontier.explain.glassbox.concept_bottleneck import ConceptBottleneck
>>> model = ConceptBottleneck(features=3, classes=2, concepts=((0,), (0, 1)))
>>> [loss] = LearnConcepts(model=model).losses((torch.randn(5, 3), torch.tensor([0, 1, 0, 1, 1])))
>>> loss.value.shape
torch.Size([5])
"""

from collections.abc import Iterator
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.frontier.explain.glassbox.concept_bottleneck import ConceptBottleneck
from cartograd.frontier.explain.glassbox.inner import inner_of

CARD = Card(
    name="learn-concepts",
    kind="objective",
    entry="LearnConcepts",
    nodes=("xai/concept-bottleneck",),
    title="Learning concepts",
    zh="概念学习",
    paper="Concept bottleneck models",
    year=2020,
    url="https://arxiv.org/abs/2007.04612",
    proofs=(
        "law: the classes' loss reaches the network jointly, and neither independently nor "
        "sequentially",
    ),
    metrics=("accuracy",),
    logs={"concepts": "higher"},
)


class LearnConcepts(nn.Module):
    """Cross-entropy of the classes and of each concept.

    Args:
        model: a concept bottleneck.
        form: what the last layer learns from: `independent`, `sequential` or `joint`.

    Raises:
        UsageError: the model has no concepts.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        form: Literal["independent", "sequential", "joint"] = "independent",
    ):
        super().__init__()
        concepts_in(model)
        self.model, self.form, self.players = model, form, {"model": model}

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss; `concepts` says how many of them are right."""
        x, y = batch
        own, x = inner_of(self.model, x)
        assert isinstance(own, ConceptBottleneck)
        said, wanted = own.network(x), own.codes[y]
        given: Tensor = wanted if self.form == "independent" else said.sigmoid()
        if self.form == "sequential":
            given = given.detach()
        of_class = F.cross_entropy(own.head(given), y, reduction="none")
        of_concepts = F.binary_cross_entropy_with_logits(said, wanted, reduction="none").mean(1)
        right = ((said > 0) == (wanted > 0)).to(said).mean(1)
        yield Loss(of_class + of_concepts, metrics={"concepts": right.detach()})

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The classes' loss from the concepts that the network says, and the answers."""
        x, y = batch
        outputs = self.model(x)
        return {"loss": F.cross_entropy(outputs, y, reduction="none"), "outputs": outputs}


def concepts_in(model: nn.Module, /) -> ConceptBottleneck:
    """The concept bottleneck that a model is.

    Raises:
        UsageError: it is none.
    """
    inner = model.model if isinstance(model, Signed) else model
    if not isinstance(inner, ConceptBottleneck):
        raise UsageError(
            f"{type(inner).__name__} has no concepts; expected concept-bottleneck, such as "
            "concept-bottleneck-fashion"
        )
    return inner
