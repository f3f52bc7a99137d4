"""Segmentation: give the right class of each pixel the highest probability.

Cross-entropy (or another loss by name) judges each pixel by itself; Dice judges the masks of a
picture as a whole, and so notices small things. Their sum is what masks are usually learned with.

    L = sum_i w_i (l(model(x)_i, y_i) + dice D(x)) / sum_i w_i,    w_i = w_(y_i), 0 without a label

where l is the loss of a pixel and D the soft Dice loss of its picture (`losses/soft_dice`).

Shapes: a batch is (inputs ..., targets): inputs `b ...`, targets `b y x` of class numbers, below 0
where a pixel has no label; the model's logits are `b k y x`.

Departures: the division is by the labelled pixels of the whole step, over all microbatches and
processes, as torch's `CrossEntropyLoss(weight=, ignore_index=)` of the whole batch has it; the Dice
loss is of each picture, so that it does not depend on how a batch is cut.

References:
    Olaf Ronneberger, Philipp Fischer, Thomas Brox. U-Net: convolutional networks for biomedical
    image segmentation. MICCAI 2015. https://arxiv.org/abs/1505.04597
    Fabian Isensee et al. nnU-Net: a self-configuring method for deep learning-based biomedical
    image segmentation. Nature Methods 18, 2021. https://doi.org/10.1038/s41592-020-01008-z

>>> objective = Segment(model=nn.Conv2d(1, 3, 1))
>>> batch = torch.zeros(2, 1, 4, 4), torch.zeros(2, 4, 4, dtype=torch.int64)
>>> next(objective.losses(batch)).value.shape
torch.Size([2, 4, 4])
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.training.losses.given import loss_of
from cartograd.training.losses.soft_dice import soft_dice
from cartograd.training.regularization import terms

CARD = Card(
    name="segment",
    kind="objective",
    entry="Segment",
    nodes=("loss/cross-entropy", "loss/focal"),
    title="Segmentation",
    zh="语义分割",
    paper="U-Net: convolutional networks for biomedical image segmentation",
    year=2015,
    url="https://arxiv.org/abs/1505.04597",
    proofs=(
        "oracle: torch.nn.CrossEntropyLoss(weight=, ignore_index=), loss and gradients to 1e-10 in "
        "float64; torchvision's sigmoid_focal_loss pixel by pixel",
        "law: Dice is 0 of sure right masks, also where a class is nowhere; it hears a rare class "
        "that cross-entropy does not",
        "law: accumulated batches give the gradient of the full batch, to 1e-12",
    ),
)


class Segment(nn.Module):
    """A loss of each pixel, and Dice of each picture's masks.

    Args:
        model: gives logits, `b k y x`.
        loss: of a pixel: name or text form of a loss of logits, e.g. `focal:gamma=2`, a function of
            a user's own, or `none` for Dice alone.
        dice: how much the Dice loss counts; 0 leaves it out.
        class_weights: how much a pixel of each class counts, in the order of the classes.
        penalty: regularisation of the weights in training, e.g. `l2:weight=1e-4`.

    Raises:
        UsageError: neither loss counts.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        *,
        model: nn.Module,
        loss: str | Callable[..., Tensor] | None = "cross-entropy",
        dice: float = 1.0,
        class_weights: tuple[float, ...] | None = None,
        penalty: str | None = None,
    ):
        super().__init__()
        if loss is None and dice == 0:
            raise UsageError("segment: loss=none and dice=0 leave nothing to learn; give one")
        self.model = model
        self.players = {"model": model}
        self.loss = None if loss is None else loss_of(loss)
        self.dice, self.penalty = dice, terms.penalty(penalty)
        weights = None if class_weights is None else torch.tensor(class_weights)
        self.register_buffer("class_weights", weights, persistent=False)

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each pixel; in evaluation also the share of right pixels.

        Raises:
            UsageError: the model does not give logits for each pixel, or there are not as many
                weights of classes as logits.
        """
        *inputs, targets = batch
        logits = self.model(*inputs)
        if logits.ndim != 4 or (logits[:, 0].shape != targets.shape):
            raise UsageError(
                f"segment: logits {tuple(logits.shape)} do not belong to targets "
                f"{tuple(targets.shape)}; expected logits (b, k, y, x) for masks (b, y, x), as of "
                "a unet"
            )
        known = targets >= 0
        right, rows = targets.where(known, 0), logits.movedim(1, -1)
        loss = rows.new_zeros(targets.shape)
        if self.loss is not None:
            loss = self.loss(rows, right)
        if self.dice:
            whole = soft_dice(rows.flatten(1, 2), targets.flatten(1))
            loss = loss + self.dice * whole[:, None, None]
        if self.penalty is not None and self.training:
            loss = loss + self.penalty(self.model)
        metrics = {}
        if not self.training:
            metrics["accuracy"] = (logits.argmax(1) == targets)[known].to(loss.dtype)
        yield Loss(loss, weight=self._weights(right, known, logits), metrics=metrics)

    def _weights(self, right: Tensor, known: Tensor, logits: Tensor) -> Tensor:
        """How much each pixel counts."""
        kind = torch.promote_types(logits.dtype, torch.float32)
        if self.class_weights is None:
            return known.to(kind)
        if len(self.class_weights) != logits.shape[1]:
            raise UsageError(
                f"segment: {len(self.class_weights)} class_weights for {logits.shape[1]} classes; "
                "expected one each"
            )
        return self.class_weights.to(logits.device, kind)[right] * known
