"""Detection: teach each position the thing that it is to find, and all others that there is none.

A position is taught a box if it lies near its middle and the box's sides are as far away as its
level is for; of several the smallest. Its class is judged by focal loss, as nearly all positions
have none, its box by generalised IoU, which tells which way to go also where boxes do not touch,
and how near the middle it is by cross-entropy.

    L = 1/n sum_i focal(c_i) + 1/n sum_(i positive) (1 - GIoU(b_i, b*_i) + bce(m_i, m*_i)),
    m* = sqrt(min(l, r)/max(l, r) min(t, b)/max(t, b)),    n positive positions

Shapes: a batch is (inputs ..., targets): inputs `b ...`, right answers `b q n` (`core.boxes`); the
model's answers are `b q n` as of `fcos`.

Departures: as in the authors' later code a position has to lie within 1.5 strides of a box's
middle; all boxes count alike, not by their middle. The division is by the positive positions of
the whole step, where a picture without any counts as one. In crowds nothing is taught.

References:
    Zhi Tian, Chunhua Shen, Hao Chen, Tong He. FCOS: fully convolutional one-stage object detection.
    ICCV 2019. https://arxiv.org/abs/1904.01355
    Hamid Rezatofighi et al. Generalized intersection over union. CVPR 2019.
    https://arxiv.org/abs/1902.09630

>>> positions = torch.tensor([[0.5, 0.5, 0.25, 0.0, 1.0], [0.9, 0.9, 0.25, 0.0, 1.0]])
>>> right = torch.tensor([[[3, 0.2, 0.2, 0.8, 0.8, 0, 36, 10, 10]]])
>>> taught(positions, right).kind.tolist()
[[3, -1]]
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from cartograd.core.boxes import CLASS, CORNERS, CROWD, Positioned, area, giou
from cartograd.core.card import Card
from cartograd.core.detections import detections
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.training.losses.focal import focal

CARD = Card(
    name="detect",
    kind="objective",
    entry="Detect",
    nodes=("loss/focal", "metric/iou"),
    title="Detection",
    zh="目标检测",
    paper="FCOS: fully convolutional one-stage object detection",
    year=2019,
    url="https://arxiv.org/abs/1904.01355",
    proofs=(
        "oracle: torchvision's sigmoid_focal_loss and generalized_box_iou_loss of the positions "
        "that are taught, loss and gradients to 1e-10 in float64",
        "law: what is taught, read as an answer, is the right answer",
    ),
    metrics=("coco-map",),
)

NEAR = 1.5
"""How far from a box's middle a position may lie that learns it, in strides."""


@dataclass(frozen=True)
class Taught:
    """What each position is to answer.

    Attributes:
        kind: the class, -1 for none.
        corners: of the box, where there is a class.
        middle: how near its middle the position is.
        counts: whether it is judged: not within a crowd.
    """

    kind: Int[Tensor, "b q"]
    corners: Float[Tensor, "b q 4"]
    middle: Float[Tensor, "b q"]
    counts: Bool[Tensor, "b q"]


class Detect(nn.Module):
    """Loss of a detector that answers with a box from each of its positions.

    Args:
        model: answers with corners, middle and classes, `b q n`, and has `positions`, as fcos.
        gamma: power by which sure positions count less.
        alpha: how much positions with a class count, against 1 - alpha for those without.
    """

    def __init__(self, *, model: nn.Module, gamma: float = 2.0, alpha: float = 0.25):
        super().__init__()
        self.model = model
        self.players = {"model": model}
        self.gamma, self.alpha = gamma, alpha

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: that of each picture."""
        *inputs, targets = batch
        outputs = self.model(*inputs)
        value, weight = self._judged(outputs, targets)
        yield Loss(value, weight=weight)

    def validate(self, batch: Batch, /) -> dict[str, Tensor]:
        """The loss of each picture, and the boxes found for the metrics."""
        *inputs, targets = batch
        outputs = self.model(*inputs)
        value, weight = self._judged(outputs, targets)
        found = detections(outputs.float(), outputs.shape[-1] - 5)
        return {"loss": value, "weight": weight, "outputs": found}

    def _judged(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of each picture over its positive positions, and how many these are."""
        positions = _positions_of(self.model, outputs, targets).to(outputs)
        right = taught(positions, targets.to(outputs))
        found = right.kind >= 0
        scores = outputs[..., 5:]
        is_class = torch.arange(scores.shape[-1], device=scores.device) == right.kind[..., None]
        two = torch.stack([torch.zeros_like(scores), scores], -1)
        share = torch.where(is_class, self.alpha, 1 - self.alpha)
        kinds = (share * focal(two, is_class.long(), gamma=self.gamma)).sum(2)
        boxes = 1 - giou(outputs[..., :4], right.corners)
        middles = F.binary_cross_entropy_with_logits(
            outputs[..., 4], right.middle, reduction="none"
        )
        each = kinds * right.counts + torch.where(found, boxes + middles, 0.0)
        weight = found.sum(1).clamp(min=1).to(each)
        return each.sum(1) / weight, weight


def taught(positions: Float[Tensor, "q n"], targets: Float[Tensor, "b n1 n2"], /) -> Taught:
    """What each position is to answer of these pictures.

    Args:
        positions: of each the middle, the stride, and the least and largest distance, as shares.
        targets: right answers (`core.boxes`).
    """
    at, stride, least, most = positions.split([2, 1, 1, 1], 1)
    corners = targets[:, None, :, CORNERS]  # b 1 n 4
    far = torch.cat([at[:, None] - corners[..., :2], corners[..., 2:] - at[:, None]], -1)
    inside = far.amin(-1) > 0
    there = targets[:, None, :, CLASS] >= 0
    crowd = targets[:, None, :, CROWD] > 0
    centre = (corners[..., :2] + corners[..., 2:]) / 2
    near = (at[:, None] - centre).abs().amax(-1) < NEAR * stride
    reach = far.amax(-1)
    own = inside & near & there & ~crowd & (reach > least) & (reach <= most)
    size = area(corners).expand(own.shape).where(own, torch.inf)
    smallest, chosen = size.min(2)
    kind = targets[..., CLASS].long().gather(1, chosen).where(smallest.isfinite(), -1)
    rows = chosen[..., None].expand(-1, -1, 4)
    best = far.gather(2, chosen[..., None, None].expand(-1, -1, 1, 4))[:, :, 0]
    across, along = best[..., 0::2].clamp(min=0), best[..., 1::2].clamp(min=0)
    share = _of_sides(across) * _of_sides(along)
    lost = (inside & there & crowd).any(2) & (kind < 0)
    return Taught(kind, targets[..., CORNERS].gather(1, rows), share.sqrt(), ~lost)


def _of_sides(distances: Tensor) -> Tensor:
    """The smaller of two distances over the larger."""
    return distances.amin(-1) / distances.amax(-1).clamp(min=1e-12)


def _positions_of(model: nn.Module, outputs: Tensor, targets: Tensor) -> Tensor:
    """The positions of a detector's boxes.

    Raises:
        UsageError: it has none, or the targets are no boxes.
    """
    part = next((part for part in model.modules() if isinstance(part, Positioned)), None)
    if part is None or outputs.ndim != 3 or len(part.positions) != outputs.shape[1]:
        raise UsageError(
            f"detect: {type(model).__name__} answers with shape {tuple(outputs.shape)}, and does "
            "not say from where its boxes are seen (`positions`); take fcos"
        )
    if targets.ndim != 3 or targets.shape[2] != 9:
        raise UsageError(
            f"detect: targets of shape {tuple(targets.shape)} are no boxes; expected (b, q, 9), as "
            "coco:FOLDER, yolo:FOLDER and cut-outs give them"
        )
    return part.positions
