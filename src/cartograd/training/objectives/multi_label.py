"""Several labels for each example: each of them is a question of yes or no by itself.

A picture may show a dog and a ball, a text may be about rain and about trains. The model answers
with a logit for each label, and the objective lowers the binary cross-entropy of all of them, or
another loss by name.

    L(x, t) = -1/k sum_j t_j log sigmoid(z_j) + (1 - t_j) log sigmoid(-z_j),    z = model(x)

Shapes: a batch is (inputs ..., targets): inputs `b ...`, targets `b k` of 0 and 1; the model's
logits are `b k`.

Departures: none.

References:
    Large-scale multi-label text classification: revisiting neural networks. ECML PKDD 2014.
    https://arxiv.org/abs/1312.5419

>>> import torch
>>> objective = MultiLabel(model=nn.Linear(4, 3))
>>> next(objective.losses((torch.zeros(5, 4), torch.ones(5, 3)))).value.shape
torch.Size([5])
"""

from collections.abc import Callable, Iterator

from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.protocols import Batch, Loss
from cartograd.training.losses.given import loss_of
from cartograd.training.regularization import terms

CARD = Card(
    name="multi-label",
    kind="objective",
    entry="MultiLabel",
    nodes=("loss/bce", "train/loop"),
    title="Several labels",
    zh="多标签分类",
    paper="Large-scale multi-label text classification: revisiting neural networks",
    year=2014,
    url="https://arxiv.org/abs/1312.5419",
    proofs=(
        "oracle: a step of a hand-written loop with torch.nn.BCEWithLogitsLoss leaves the same "
        "weights, to 1e-10 in float64",
        "oracle: torch.nn.BCEWithLogitsLoss(pos_weight=), to 1e-10 in float64",
        "law: of labels that do not depend on the inputs each one's share is learned",
    ),
    metrics=("f1",),
)


class MultiLabel(nn.Module):
    """Binary cross-entropy of each label, or another loss of logits and labels.

    Args:
        model: answers with logits, `b k`.
        loss: name or text form of a loss of logits and labels of one shape, or a function of
            a user's own.
        penalty: regularisation of the weights in training, e.g. `l1:weight=1e-3` or `l2`.
        mix: blends of examples in training, e.g. `mixup:alpha=0.2`.
        pos_weight: how much having each label counts against not having it, in the order of the
            labels; `class_weights=balanced` makes both count alike.
    """

    def __init__(
        self,
        *,
        model: nn.Module,
        loss: str | Callable[..., Tensor] = "bce",
        penalty: str | None = None,
        mix: str | None = None,
        pos_weight: tuple[float, ...] | None = None,
    ):
        super().__init__()
        self.model = model
        self.players = {"model": model}
        self.loss = loss_of(loss, **({"pos_weight": pos_weight} if pos_weight else {}))
        self.penalty, self.mix = terms.penalty(penalty), terms.mix(mix)

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: the mean over each example's labels, plus the penalty on the weights."""
        if self.mix is not None:
            x, *others, targets = batch
            x, targets = self.mix(x, targets)
            batch = (x, *others, targets)
        loss = self.validate(batch)["loss"]
        yield Loss(loss if self.penalty is None else loss + self.penalty(self.model))

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The loss of each example, and the logits for the metrics."""
        *inputs, targets = batch
        logits = self.model(*inputs)
        return {"loss": self.loss(logits, targets.to(logits.dtype)), "outputs": logits}
