"""Classification: learn to give the true class the highest probability.

The model answers with one score per class and the objective lowers the cross-entropy of each
example's true class, or another loss by name.

    L(x, y) = -log softmax(model(x))_y  + aux_weight sum_h -log softmax(head_h(x))_y

Weights of classes make the examples of some count more: the loss is the weighted mean of the
batch's, as torch's `CrossEntropyLoss(weight=)` takes it.

    L = sum_i w_(y_i) L(x_i, y_i) / sum_i w_(y_i)

A model with auxiliary heads (GoogLeNet, Inception v3, also torchvision's) answers in training with
a tuple: its logits first, then those of each head, whose losses count `aux_weight` as much. It says
so by an attribute `aux_logits` that is true; any other tuple is refused.

Shapes: a batch is (inputs ..., targets): inputs `b ...`, targets ` b` of class numbers; the
model's logits are `b k`, of each head too; a single logit z says yes or no, as the two [0, z].

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

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.answered import answered
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed
from cartograd.training.losses.given import loss_of
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
        "law: a single logit is learned by binary cross-entropy",
        "oracle: torch.nn.CrossEntropyLoss(weight=) with weights of classes, loss and gradients to "
        "1e-10 in float64",
        "law: the losses of auxiliary heads are added with their weight, in training only",
    ),
    evidence={"train/loop": ("test_trains_as_a_hand_written_loop", "acceptance:lenet5-digits")},
    metrics=("accuracy",),
    renamed={"smoothing": "label_smoothing", "side": "aux_weight"},
)


def both(logits: Float[Tensor, "b k1"], /) -> Float[Tensor, "b k"]:
    """Logits of all classes: a single logit z stands for the two [0, z].

    >>> import torch
    >>> both(torch.tensor([[2.0]])).tolist()
    [[0.0, 2.0]]
    """
    return F.pad(logits, (1, 0)) if logits.shape[1] == 1 else logits


class Classify(nn.Module):
    """Cross-entropy of a classifier, or another loss of logits and classes.

    Args:
        model: answers with logits, `b k`; a single one means yes (class 1) rather than no.
        label_smoothing: share of the target spread evenly over all classes, for a loss that has it.
        loss: name or text form of a loss of logits, e.g. `focal:gamma=2` or `hinge`,
            or a function of a user's own.
        penalty: regularisation of the weights in training, e.g. `l1:weight=1e-3` or `l2`.
        mix: blends of examples in training, e.g. `mixup:alpha=0.2` or `cutmix`.
        aux_weight: how much the loss of each auxiliary head counts; the papers' 0.3 for
            GoogLeNet, 0.4
            for Inception v3.
        class_weights: how much an example of each class counts, in the order of the classes.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        *,
        model: nn.Module,
        label_smoothing: float = 0.0,
        loss: str | Callable[..., Tensor] = "cross-entropy",
        penalty: str | None = None,
        mix: str | None = None,
        aux_weight: float = 0.3,
        class_weights: tuple[float, ...] | None = None,
    ):
        super().__init__()
        self.model = model
        self.players = {"model": model}
        self.label_smoothing, self.aux_weight = label_smoothing, aux_weight
        self.loss = loss_of(
            loss, **({"label_smoothing": label_smoothing} if label_smoothing else {})
        )
        self.penalty, self.mix = terms.penalty(penalty), terms.mix(mix)
        weights = None if class_weights is None else torch.tensor(class_weights)
        self.register_buffer("class_weights", weights, persistent=False)

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each example (or blend of two) plus the penalty on the weights.

        Raises:
            UsageError: there are not as many weights of classes as logits.
        """
        if self.mix is None:
            found = self.validate(batch)
            loss, weight = found["loss"], found.get("weight")
        else:
            x, *others, targets = batch
            x, blend = self.mix(x, terms.one_hot(targets))
            heads = self._heads(x, *others)
            weight = None
            if self.class_weights is not None:
                counted = blend * self._weights(heads[0])[: blend.shape[1]]
                weight = counted.sum(1)
                blend = counted / weight[:, None]
            loss = self._sum([terms.blended(self.loss, both(logits), blend) for logits in heads])
        loss = loss if self.penalty is None else loss + self.penalty(self.model)
        yield Loss(loss, weight=weight)

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The loss of each example and how much it counts, and the logits for the metrics."""
        *inputs, targets = batch
        heads = self._heads(*inputs)
        loss = self._sum([self.loss(both(logits), targets) for logits in heads])
        found = {"loss": loss, "outputs": heads[0]}
        if self.class_weights is not None:
            found["weight"] = self._weights(heads[0])[targets]
        return found

    def _weights(self, logits: Tensor) -> Tensor:
        """The weight of each class, where the logits are."""
        weights, classes = self.class_weights, max(2, logits.shape[1])
        assert weights is not None
        if len(weights) != classes:
            raise UsageError(
                f"classify: {len(weights)} class_weights for {classes} classes; expected one each"
            )
        return weights.to(logits.device, torch.promote_types(logits.dtype, torch.float32))

    def _heads(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The logits of the model and those of its auxiliary heads."""
        answer = self.model(*inputs)
        if isinstance(self.model, Signed):  # it has looked at the answer already
            return answer if isinstance(answer, tuple) else (answer,)
        found = answered(self.model, answer, None)
        return found if isinstance(found, tuple) else (found,)

    def _sum(self, losses: list[Tensor]) -> Tensor:
        """The loss of the main logits plus `aux_weight` times that of each head."""
        return losses[0] + self.aux_weight * sum(losses[1:]) if len(losses) > 1 else losses[0]
