"""Perceptron rule: change nothing while the answer is right; after a mistake, add or subtract x.

The step has no slope to descend, but Rosenblatt's update is the gradient step of another loss:
how far the sum is on the wrong side. One example at a time, with plain gradient descent at a
learning rate of 1 (`sgd:lr=1`, batches of 1), the engine makes exactly his updates.

    w <- w + (y - step(z)) x        loss = (step(z) - y) z = max(0, -z) if y = 1 else max(0, z)

Shapes: a batch is (inputs ..., targets): targets ` b` of 0 and 1; the model's logits are `b 2`
and z is their difference.

Departures: in larger batches it is the batch perceptron: the mean of the updates, all made from
the same weights. Novikoff's bound holds for batches of 1.

References:
    Frank Rosenblatt. The perceptron: a probabilistic model for information storage and
    organization in the brain. Psychological Review 65, 1958. https://doi.org/10.1037/h0042519

>>> import torch
>>> model = nn.Linear(2, 2)
>>> batch = torch.zeros(3, 2), torch.tensor([0, 1, 1])
>>> next(PerceptronRule(model=model).losses(batch)).value.shape
torch.Size([3])
"""

from collections.abc import Iterator

from torch import nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.foundations.activations.step import step

CARD = Card(
    name="perceptron-rule",
    kind="objective",
    entry="PerceptronRule",
    nodes=("arch/perceptron",),
    title="Perceptron rule",
    zh="感知机学习规则",
    paper="The perceptron: a probabilistic model for information storage and organization in "
    "the brain",
    year=1958,
    url="https://doi.org/10.1037/h0042519",
    proofs=(
        "law: through the engine with `sgd:lr=1` and batches of 1 the weights are those of "
        "Rosenblatt's loop, mistake by mistake",
    ),
    metrics=("accuracy",),
    logs={"mistakes": "lower"},
)


class PerceptronRule(nn.Module):
    """Rosenblatt's rule for a model of two classes.

    Args:
        model: gives logits, `b 2`.
    """

    def __init__(self, *, model: nn.Module):
        super().__init__()
        self.model = model
        self.players = {"model": model}

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss, zero where the answer is right; `mistakes` says where it is not.

        Raises:
            UsageError: the model does not give two logits.
        """
        *inputs, targets = batch
        logits = self.model(*inputs)
        if logits.shape[1:] != (2,):
            raise UsageError(
                f"perceptron-rule: the model gives {tuple(logits.shape[1:])} numbers an example; "
                f"the rule is for two classes, use classify"
            )
        z = logits[:, 1] - logits[:, 0]
        error = step(z) - targets
        yield Loss(error * z, metrics={"mistakes": error.abs()})
