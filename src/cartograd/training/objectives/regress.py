"""Regression: learn to answer with the target's value.

The objective lowers the squared error of each example, or another loss by name. Targets in
thousands and targets in millionths would ask for different learning rates; a model whose signature
knows the target's spread is therefore judged in standard deviations of the target.

    L(x, t) = 1/k sum_j ((model(x)_j - t_j) / std_j)^2

Shapes: a batch is (inputs ..., targets): inputs `b ...`, targets `b k`; the model's values are
`b k`, in the target's unit.

Departures: none.

References:
    Ian Goodfellow, Yoshua Bengio, Aaron Courville. Deep Learning, section 6.2.2.1. MIT Press,
    2016. https://www.deeplearningbook.org

>>> objective = Regress(model=nn.Linear(4, 1))
>>> next(objective.losses((torch.zeros(5, 4), torch.ones(5, 1)))).value.shape
torch.Size([5])
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.training.losses.given import loss_of
from cartograd.training.regularization import terms

CARD = Card(
    name="regress",
    kind="objective",
    entry="Regress",
    nodes=("loss/mse", "train/loop"),
    title="Regression",
    zh="回归",
    paper="Deep Learning, section 6.2.2.1",
    year=2016,
    url="https://www.deeplearningbook.org",
    proofs=(
        "oracle: the minimum is scikit-learn's LinearRegression, coefficients to 1e-6",
        "law: another unit of the target leaves losses and gradients as they are",
    ),
    metrics=("rmse", "r2"),
)


class Regress(nn.Module):
    """Error of a regressor, in standard deviations of the target.

    Args:
        model: answers with values, `b k`. A `Signed` one that knows the std of its answers is
            judged in that unit; any other in the target's own.
        loss: name or text form of a loss of values, e.g. `absolute-error` or `huber:delta=0.5`,
            or a function of a user's own.
        penalty: regularisation of the weights in training, e.g. `l1:weight=1e-3` or `l2`.
        mix: blends of examples in training, e.g. `mixup:alpha=0.2`.
    """

    unit: Tensor

    def __init__(
        self,
        *,
        model: nn.Module,
        loss: str | Callable[..., Tensor] = "mse",
        penalty: str | None = None,
        mix: str | None = None,
    ):
        super().__init__()
        self.model = model
        self.players = {"model": model}
        self.loss = loss_of(loss)
        self.penalty, self.mix = terms.penalty(penalty), terms.mix(mix)
        unit = model.output_std.clone() if isinstance(model, Signed) else torch.ones(1)
        self.register_buffer("unit", unit, persistent=False)

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: the error of each example (or blend of two) plus the penalty on the weights."""
        if self.mix is not None:
            x, *others, targets = batch
            x, targets = self.mix(x, targets)
            batch = (x, *others, targets)
        loss = self.validate(batch)["loss"]
        yield Loss(loss if self.penalty is None else loss + self.penalty(self.model))

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The error of each example, and the outputs for the metrics."""
        *inputs, targets = batch
        values = self.model(*inputs)
        return {"loss": self.loss(values / self.unit, targets / self.unit), "outputs": values}
