"""Classification: learn to give the true class the highest probability.

The model gives one logit per class and the objective lowers the cross-entropy of each example's
true class, or another loss by name.

    L(x, y) = -log softmax(model(x))_y  + side sum_h -log softmax(head_h(x))_y

A model with auxiliary heads (GoogLeNet, Inception v3, also torchvision's) returns a tuple in
training: its logits first, then those of each head, whose losses have the weight `side`.

Shapes: a batch is (inputs ..., targets): inputs `b ...`, targets ` b` of class numbers; the
model's logits are `b k`, of each head too.

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
        "law: the losses of auxiliary heads are added with their weight, in training only",
    ),
    metrics=("accuracy",),
)


class Classify(nn.Module):
    """Cross-entropy of a classifier, or another loss of logits and classes.

    Args:
        model: gives logits, `b k`.
        smoothing: share of the target spread evenly over all classes, for a loss that has it.
        loss: name or text form of a loss of logits, e.g. `focal:gamma=2` or `hinge`.
        penalty: penalty on the weights in training, e.g. `l1:weight=1e-3` or `l2`.
        mix: blends of examples in training, e.g. `mixup:concentration=0.2` or `cutmix`.
        side: weight of the loss of each auxiliary head; the papers' 0.3 for GoogLeNet, 0.4
            for Inception v3.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        smoothing: float = 0.0,
        loss: str = "cross-entropy",
        penalty: str | None = None,
        mix: str | None = None,
        side: float = 0.3,
    ):
        super().__init__()
        self.model = model
        self.players = {"model": model}
        self.smoothing, self.side = smoothing, side
        self.loss = build(loss, kind="loss", **({"smoothing": smoothing} if smoothing else {}))
        self.penalty, self.mix = terms.penalty(penalty), terms.mix(mix)

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each example or blend of two, plus the penalty on the weights."""
        if self.mix is None:
            loss = self.validate(batch)["loss"]
        else:
            x, *others, targets = batch
            x, blend = self.mix(x, terms.one_hot(targets))
            heads = self._heads(x, *others)
            loss = self._sum([terms.blended(self.loss, logits, blend) for logits in heads])
        yield Loss(loss if self.penalty is None else loss + self.penalty(self.model))

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The loss of each example, and the logits for the metrics."""
        *inputs, targets = batch
        heads = self._heads(*inputs)
        loss = self._sum([self.loss(logits, targets) for logits in heads])
        return {"loss": loss, "outputs": heads[0]}

    def _heads(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The logits, and those of the auxiliary heads."""
        answer = self.model(*inputs)
        return answer if isinstance(answer, tuple) else (answer,)

    def _sum(self, losses: list[Tensor]) -> Tensor:
        """The loss of the logits and of the heads, each with its weight."""
        return losses[0] + self.side * sum(losses[1:]) if len(losses) > 1 else losses[0]
