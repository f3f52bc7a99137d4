"""Classification: learn to give the true class the highest probability.

The model answers with one score per class and the objective lowers the cross-entropy of each
example's true class, or another loss by name.

    L(x, y) = -log softmax(model(x))_y

Shapes: a batch is (inputs ..., targets): inputs `b ...`, targets ` b` of class numbers; the
model's logits are `b k`.

Departures: none.

References:
    Ian Goodfellow, Yoshua Bengio, Aaron Courville. Deep Learning, section 6.2.2. MIT Press, 2016.
    https://www.deeplearningbook.org

>>> import torch
>>> objective = Classify(model=nn.Linear(4, 3))
>>> batch = torch.zeros(5, 4), torch.zeros(5, dtype=torch.int64)
>>> next(objective.losses(batch)).value.shape
torch.Size([5])
"""

from collections.abc import Iterator

from torch import Tensor, nn

from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.protocols import Batch, Loss
from cartograd.training.regularization import terms

CARD = Card(
    name="classify",
    kind="objective",
    entry="Classify",
    nodes=("loss/cross-entropy", "train/loop"),
    title="Classification",
    zh="分类",
    paper="Deep Learning, section 6.2.2",
    year=2016,
    url="https://www.deeplearningbook.org",
    proofs=(
        "oracle: a step of a hand-written loop with torch.nn.functional.cross_entropy leaves the "
        "same weights, to 1e-10 in float64",
        "law: the mean over microbatches equals the full batch",
    ),
    metrics=("accuracy",),
)


class Classify(nn.Module):
    """Cross-entropy of a classifier, or another loss of logits and classes.

    Args:
        model: answers with logits, `b k`.
        smoothing: share of the target spread evenly over all classes, for a loss that has it.
        loss: name or text form of a loss of logits, e.g. `focal:gamma=2` or `hinge`.
        penalty: price of the weights in training, e.g. `l1:strength=1e-3` or `l2`.
        mix: blends of examples in training, e.g. `mixup:concentration=0.2` or `cutmix`.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        smoothing: float = 0.0,
        loss: str = "cross-entropy",
        penalty: str | None = None,
        mix: str | None = None,
    ):
        super().__init__()
        self.model = model
        self.players = {"model": model}
        self.smoothing = smoothing
        self.loss = build(loss, kind="loss", **({"smoothing": smoothing} if smoothing else {}))
        self.penalty, self.mix = terms.penalty(penalty), terms.mix(mix)

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each example, or of each blend of two, and the price of the weights."""
        if self.mix is None:
            loss = self.validate(batch)["loss"]
        else:
            x, *others, targets = batch
            x, blend = self.mix(x, terms.one_hot(targets))
            loss = terms.blended(self.loss, self.model(x, *others), blend)
        yield Loss(loss if self.penalty is None else loss + self.penalty(self.model))

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The loss of each example, and the logits that metrics look at."""
        *inputs, targets = batch
        logits = self.model(*inputs)
        loss = self.loss(logits, targets)
        return {"loss": loss, "outputs": logits}
