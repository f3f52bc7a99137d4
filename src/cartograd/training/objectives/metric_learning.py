"""Metric learning: what is alike comes near, what is not goes apart, and a probe tells how well.

The features before the model's last layer are an embedding that learns from pairs or triplets of
a batch alone: two examples of a class belong together, two of different classes do not. The last
layer learns the classes from features that it cannot change, so that the accuracy of the whole is
that of a linear probe on the embedding.

    L = metric(f / |f|, y) - log softmax(W stop(f) + b)_y

Shapes: a batch is (inputs ..., targets): inputs `b ...`, targets ` b` of class numbers; features
`b d`, logits `b k`.

Departures: all pairs of a batch count, or the hardest triplet of each example; Hadsell draws pairs
beforehand, and neither paper has the probe. Embeddings have length 1, as FaceNet's. An example
without another of its class, or a batch of one class, has no such loss.

References:
    Raia Hadsell, Sumit Chopra, Yann LeCun. Dimensionality reduction by learning an invariant
    mapping. CVPR 2006. https://doi.org/10.1109/CVPR.2006.100
    Florian Schroff, Dmitry Kalenichenko, James Philbin. FaceNet: a unified embedding for face
    recognition and clustering. CVPR 2015. https://arxiv.org/abs/1503.03832

>>> model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
>>> objective = MetricLearning(model=model, loss="contrastive:margin=1")
>>> batch = torch.randn(5, 4), torch.tensor([0, 1, 2, 0, 1])
>>> next(objective.losses(batch)).value.shape
torch.Size([5])
"""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.core.spec import Spec
from cartograd.training.losses.cross_entropy import cross_entropy

CARD = Card(
    name="metric-learning",
    kind="objective",
    entry="MetricLearning",
    nodes=("loss/contrastive", "loss/triplet"),
    title="Metric learning with a linear probe",
    zh="度量学习（线性探测）",
    paper="FaceNet: a unified embedding for face recognition and clustering",
    year=2015,
    url="https://arxiv.org/abs/1503.03832",
    proofs=(
        "oracle: torch.nn.functional.triplet_margin_loss of the hardest triplets found one by one, "
        "and the contrastive formula over all pairs, to 1e-10 in float64",
        "law: the embedding's gradient is that of the metric loss alone, the last layer's that of "
        "the cross-entropy alone",
        "law: on digits the nearest other example is of the same class more often than by the "
        "features of a network whose embedding was not trained",
    ),
    evidence={
        "loss/contrastive": ("test_it_retrieves_better_than_untrained_features",),
        "loss/triplet": ("test_it_retrieves_better_than_untrained_features",),
    },
    metrics=("accuracy",),
    logs={"recall@1": "higher"},
)


class MetricLearning(nn.Module):
    """A contrastive or triplet loss of the features before the last layer, and a linear probe.

    Args:
        model: ends in a linear layer, whose inputs are the embedding `b d`.
        loss: `triplet` (of the hardest of a batch) or `contrastive` (of all pairs), as a spec.
    """

    def __init__(self, *, model: nn.Module, loss: str = "triplet:margin=0.2"):
        super().__init__()
        self.model = model
        self.players = {"model": model}
        spec = Spec.parse(loss)
        if spec.name not in ("triplet", "contrastive"):
            raise UsageError(
                f"metric-learning: loss={loss} is no loss of pairs or triplets; expected triplet "
                "or contrastive"
            )
        self.loss, self.triplets = build(spec, kind="loss"), spec.name == "triplet"
        layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
        if not layers:
            raise UsageError(
                f"metric-learning: {type(model).__name__} has no linear layer, whose inputs would "
                "be the embedding"
            )
        self.last = (
            len(list(model.modules()))
            - 1
            - [isinstance(module, nn.Linear) for module in model.modules()][::-1].index(True)
        )

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each example's distances, plus that of the probe."""
        found = self.validate(batch)
        yield Loss(found["loss"], metrics={"recall@1": found["recall@1"]})

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The loss of each example, the logits, and whether the nearest other is of its class."""
        *inputs, targets = batch
        features, logits = self._both(*inputs)
        unit = nn.functional.normalize(features, dim=1)
        apart = self._hardest(unit, targets) if self.triplets else self._pairs(unit, targets)
        loss = apart + cross_entropy(logits, targets)
        return {"loss": loss, "outputs": logits, "recall@1": recall_at_1(unit, targets)}

    def _both(self, *inputs: Tensor) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b k"]]:
        """The inputs of the last layer, and what it makes of them without teaching them."""
        seen: list[Tensor] = []

        def look(_: nn.Module, given: tuple[Any, ...]) -> tuple[Tensor]:
            seen.append(given[0])
            return (given[0].detach(),)

        handle = list(self.model.modules())[self.last].register_forward_pre_hook(look)
        try:
            logits = self.model(*inputs)
        finally:
            handle.remove()
        if len(seen) != 1 or seen[0].ndim != 2:
            raise UsageError(
                "metric-learning: the last linear layer does not see one row of features for each "
                "example; expected a classifier"
            )
        return seen[0], logits

    def _hardest(
        self, unit: Float[Tensor, "b d"], classes: Int[Tensor, " b"]
    ) -> Float[Tensor, " b"]:
        """The triplet loss of each example with its farthest positive and nearest negative."""
        same = classes[:, None] == classes
        away = torch.cdist(unit.detach(), unit.detach())
        positive = away.masked_fill(~same, -torch.inf).argmax(1)
        negative = away.masked_fill(same, torch.inf).argmin(1)
        loss = self.loss(unit, unit[positive], unit[negative])
        return torch.where((same.sum(1) > 1) & ~same.all(1), loss, 0 * loss)

    def _pairs(self, unit: Float[Tensor, "b d"], classes: Int[Tensor, " b"]) -> Float[Tensor, " b"]:
        """The mean contrastive loss of each example's pairs with all others."""
        count = len(unit)
        i, j = torch.meshgrid(*(torch.arange(count, device=unit.device),) * 2, indexing="ij")
        losses = self.loss(
            unit[i.flatten()], unit[j.flatten()], (classes[i] != classes[j]).flatten()
        )
        return losses.view(count, count).sum(1) / max(1, count - 1)


@torch.no_grad()
def recall_at_1(
    embeddings: Float[Tensor, "b d"], classes: Int[Tensor, " b"], /
) -> Float[Tensor, " b"]:
    """1 for each example whose nearest other example of the batch is of its class, else 0.

    >>> recall_at_1(torch.tensor([[0.0], [1.0], [5.0], [5.5]]), torch.tensor([0, 1, 2, 2]))
    tensor([0., 0., 1., 1.])
    """
    away = torch.cdist(embeddings, embeddings)
    nearest = away.fill_diagonal_(torch.inf).argmin(1)
    return (classes[nearest] == classes).to(embeddings.dtype)
