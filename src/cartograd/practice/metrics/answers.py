"""The answers of a batch with one class for each example: checked once, and each part made once."""

from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from cartograd.practice.metrics import given
from cartograd.practice.metrics.confusion import Counts


class Answers:
    """What several metrics ask of the same logits and classes.

    Args:
        outputs: logits (n, k), or (n) and (n, 1) of two classes.
        targets: the right classes.

    Raises:
        UsageError: outputs and targets do not belong together.

    >>> answers = Answers(torch.tensor([[2.0, 1.0], [0.0, 1.0]]), torch.tensor([0, 0]))
    >>> answers.right.tolist(), answers.confidence.numpy().round(3).tolist()
    ([True, False], [0.731, 0.731])
    """

    def __init__(self, outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "..."], /) -> None:
        self.logits, self.targets = given.classes(outputs, targets)

    @cached_property
    def said(self) -> Int[Tensor, " n"]:
        """The class with the highest logit, the first of those that are alike."""
        return self.logits.argmax(1)

    @cached_property
    def right(self) -> Bool[Tensor, " n"]:
        """Whether that is the right one."""
        return self.said == self.targets

    @cached_property
    def confidence(self) -> Float[Tensor, " n"]:
        """The probability of that class, in the precision of the logits."""
        best = self.logits.gather(1, self.said[:, None])
        return (self.logits - best).exp_().sum(1).reciprocal().double()

    @cached_property
    def counts(self) -> Counts:
        """The three counts of each class, as of one weighting."""
        k = self.logits.shape[1]
        rows = torch.cat([self.targets[self.right], self.said + k, self.targets + 2 * k])
        found = rows.bincount(minlength=3 * k).double().reshape(3, 1, k)
        return Counts(found[0], found[1], found[2])
