"""Factorisation: the squared error of each rating, and the size of the rows that told it.

Users and items are rated unequally often. A penalty on all weights at each step would shrink rows
that the batch did not name; here each rating adds that of its own two rows, so a row with many
ratings is shrunk as often as it learns.

    L(u, i, r) = (r - rating(u, i))^2 + weight (|p_u|^2 + |q_i|^2 + c (b_u^2 + b_i^2))

Of two classes, taken or not, the error is the cross-entropy (logistic matrix factorisation).

Shapes: a batch is (pairs `b 2`, ratings `b 1`); the model's ratings are `b 1`. Of two classes the
targets are `b`, the logits `b 2`.

Departures: the error is in standard deviations of the ratings, so the weight does not depend on how
many stars there are. Biases may be held back less than factors (c below 1; the paper's c is 1): one
number is told by few ratings, many are not.

References:
    Yehuda Koren, Robert Bell, Chris Volinsky. Matrix factorization techniques for recommender
    systems. IEEE Computer 42, 2009. https://doi.org/10.1109/MC.2009.263
    Christopher Johnson. Logistic matrix factorization for implicit feedback data. NIPS workshop on
    distributed machine learning and matrix computations 2014.

>>> from cartograd.core.build import build
>>> objective = Factorise(model=build("matrix-factorisation:users=4,items=5"))
>>> next(objective.losses((torch.tensor([[0.0, 4.0]]), torch.ones(1, 1)))).value.shape
torch.Size([1])
"""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.training.losses.cross_entropy import cross_entropy

CARD = Card(
    name="factorise",
    kind="objective",
    entry="Factorise",
    nodes=("loss/mse",),
    title="Factorisation of ratings",
    zh="评分矩阵分解",
    paper="Matrix factorization techniques for recommender systems",
    year=2009,
    url="https://doi.org/10.1109/MC.2009.263",
    proofs=(
        "law: at a minimum each user's row is that of ridge regression on the rows of what it "
        "rated, in closed form, to 1e-6",
        "law: of clicks the mean logit at a minimum makes the mean probability their share",
    ),
    metrics=("rmse", "r2"),
)


@runtime_checkable
class Factorised(Protocol):
    """A model that keeps rows for users and for items."""

    def rows(self, x: Float[Tensor, "b 2"], /) -> tuple[Tensor, Tensor]:
        """The weights of each user, and those of each item."""
        ...


class Factorise(nn.Module):
    """Squared error of ratings, or cross-entropy of clicks, and the size of the rows named.

    Args:
        model: gives ratings, and the rows by which it does.
        weight: how much the rows' squares count.
        bias_weight: how much of that a bias has (the first number of a row).

    Raises:
        UsageError: the model keeps no rows.
    """

    unit: Tensor

    def __init__(self, *, model: nn.Module, weight: float = 0.1, bias_weight: float = 0.3):
        super().__init__()
        factorised = model.model if isinstance(model, Signed) else model
        if not isinstance(factorised, Factorised):
            raise UsageError(
                f"the objective factorise needs a model with rows of users and items, such as "
                f"matrix-factorisation; {type(factorised).__name__} has none: train it with regress"
            )
        self.model, self.factorised = model, factorised
        self.of_classes = isinstance(model, Signed) and model.signature.target == "class"
        self.measured_by = ("accuracy",) if self.of_classes else CARD.metrics
        self.weight, self.bias_weight = weight, bias_weight
        self.players = {"model": model}
        unit = model.output_std.clone() if isinstance(model, Signed) else torch.ones(1)
        self.register_buffer("unit", unit, persistent=False)

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: the squared error of each rating, and the squares of its two rows."""
        size = batch[0].new_zeros(())
        for rows in self.factorised.rows(batch[0]):
            size = size + rows[:, 1:].square().sum(1) + self.bias_weight * rows[:, 0].square()
        yield Loss(self.validate(batch)["loss"] + self.weight * size)

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The error of each rating, and the outputs for the metrics."""
        pairs, targets = batch
        values = self.model(pairs)
        if self.of_classes:
            return {"loss": cross_entropy(values, targets), "outputs": values}
        error = ((values - targets) / self.unit).square().mean(1)
        return {"loss": error, "outputs": values}
