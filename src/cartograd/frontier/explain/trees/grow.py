"""Growing: a tree or a forest learns from all examples in one step, which no gradient leads.

Questions have no slope. So the trees are grown on the batch (which therefore has to be all of the
training part) as it comes, and what is given to the engine is the loss of what has grown: its
gradient is next to zero, as a leaf's shares are those that its examples want, and at a rate of 0
nothing moves.

    tree <- grown(x, y),    loss = - log p_y(x), or (f(x) - y)^2

Shapes: a batch is (inputs ..., targets): classes ` b`, or values `b 1`.

Departures: none; two batches of an epoch would grow two trees, of which the last stays, so the
command asks for one.

References:
    Leo Breiman, Jerome Friedman, Charles J. Stone, R. A. Olshen. Classification and regression
    trees. 1984. https://doi.org/10.1201/9781315139470

>>> import torch
>>> from cartograd.frontier.explain.trees.decision_tree import DecisionTree
>>> tree = DecisionTree(features=2, classes=2, depth=2)
>>> batch = torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([0, 1])
>>> [loss] = Grow(model=tree).losses(batch)
>>> bool((loss.value < 1e-6).all())
True
"""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.frontier.explain.glassbox.inner import inner_of

CARD = Card(
    name="grow",
    kind="objective",
    entry="Grow",
    nodes=("xai/tree",),
    title="Growing a tree",
    zh="生长决策树",
    paper="Classification and regression trees",
    year=1984,
    url="https://doi.org/10.1201/9781315139470",
    proofs=(
        "law: a signed tree grows in the units of its standardised inputs and answers, and its "
        "loss is that of what has grown",
    ),
    settings={"optimizer": "sgd:lr=0", "schedule": None, "epochs": 1},
)


@runtime_checkable
class Growing(Protocol):
    """What learns from all examples at once."""

    def grow(self, x: Tensor, targets: Tensor, /) -> None:
        """Forget what was learned, and learn from these."""
        ...


class Grow(nn.Module):
    """Growth on the whole training part.

    Args:
        model: a decision tree, a random forest, or another model that grows.

    Raises:
        UsageError: it learns by gradients.
    """

    def __init__(self, *, model: nn.Module):
        super().__init__()
        inner = model.model if isinstance(model, Signed) else model
        if not isinstance(inner, Growing):
            raise UsageError(
                f"grow: {type(inner).__name__} learns by its gradient; expected decision-tree or "
                "random-forest, or another objective, such as classify"
            )
        self.model, self.players = model, {"model": model}
        self.grown: tuple[Tensor, Tensor, dict[str, Tensor]] | None = None

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """Grow, in training mode; then the loss of what has grown."""
        x, targets = batch
        if self.training:
            self._grow(x, targets)
        found = self.validate(batch)
        yield Loss(found["loss"])

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The loss of each example, and the outputs for the metrics."""
        x, targets = batch
        outputs = self.model(x)
        if not targets.is_floating_point():
            return {"loss": F.cross_entropy(outputs, targets, reduction="none"), "outputs": outputs}
        unit = self.model.output_std if isinstance(self.model, Signed) else 1.0
        return {"loss": ((outputs - targets) / unit).square().mean(1), "outputs": outputs}

    def _grow(self, x: Tensor, targets: Tensor) -> None:
        inner, x = inner_of(self.model, x)
        if isinstance(self.model, Signed) and targets.is_floating_point():
            targets = (targets - self.model.output_mean) / self.model.output_std
        assert isinstance(inner, Growing)
        assert isinstance(inner, nn.Module)
        if self.grown is not None and all(map(torch.equal, (x, targets), self.grown[:2])):
            inner.load_state_dict(self.grown[2])  # as the rehearsal has grown it
            return
        inner.grow(x, targets)
        self.grown = x, targets, {name: one.clone() for name, one in inner.state_dict().items()}
