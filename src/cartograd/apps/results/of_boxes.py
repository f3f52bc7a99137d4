"""Boxes: how well those of each class, and of each size, are found."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.answers import units
from cartograd.core.ports import Signature

if TYPE_CHECKING:
    from cartograd.practice.metrics.matched_boxes import Count

HEAD = ("boxes of", "there", "AP", "95 % interval", "AP50", "AP75", "recall")
"""What `OfBoxes.row` holds."""

SIZES = {
    "small": "small, below 32 x 32 pixels",
    "medium": "medium",
    "large": "large, above 96 x 96 pixels",
}


@dataclass(frozen=True)
class OfBoxes:
    """Boxes of one class, or of one size.

    Attributes:
        kind: `class` or `size`.
        label: the class's name, or the size.
        boxes: how many are there.
        ap: average precision over the IoU thresholds 0.5 to 0.95; of a size the mean over classes.
        low, high: the 95 % interval of that, pictures drawn again.
        ap50, ap75: at one threshold.
        recall: share of them that are found, over the same thresholds.
    """

    kind: str
    label: str
    boxes: int
    ap: float
    low: float
    high: float
    ap50: float
    ap75: float
    recall: float

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self)

    def row(self) -> list[str]:
        """As the cells of a table."""
        ends = f"{units.percent(self.low)} to {units.percent(self.high)}"
        others = map(units.percent, (self.ap50, self.ap75, self.recall))
        return [self.label, str(self.boxes), units.percent(self.ap), ends, *others]


def of_boxes(signature: Signature, outputs: Tensor, targets: Tensor, /) -> list[OfBoxes]:
    """The figures of each class that is there, then of each size; none of other tasks.

    Args:
        signature: what the answers are.
        outputs: boxes found, `n d 6`.
        targets: right answers, `n q 9`.
    """
    from cartograd.practice.metrics.matched_boxes import RANGES, counted

    if signature.target != "boxes" or outputs.ndim != 3 or outputs.shape[2] != 6:
        return []
    count, found = counted(outputs, targets), list[OfBoxes]()
    labels, boxes = signature.output.labels, count.what.bincount()
    if not len(boxes):
        return []
    each = _figures(count, "all")
    for k in boxes.nonzero()[:, 0].tolist():
        label = labels[k] if k < len(labels) else str(k)
        found.append(
            OfBoxes("class", label, int(boxes[k]), *_told(each, lambda one, k=k: one[:, k]))
        )
    for at, area in enumerate(RANGES):
        there = int(count.there[:, at].sum())
        if area in SIZES and there:
            own = _told(_figures(count, area), lambda one: one.nanmean(1))
            found.append(OfBoxes("size", SIZES[area], there, *own))
    return found


def _figures(count: "Count", area: str) -> list[Float[Tensor, "b k"]]:
    """By class: average precision, the same of pictures drawn again, at 0.5, at 0.75, recall."""
    from cartograd.practice.metrics.box_precision import RESAMPLES, precision, recall
    from cartograd.practice.metrics.interval import draws

    generator = torch.Generator().manual_seed(0)
    weights = torch.cat(list(draws(count.pictures, RESAMPLES, generator))).double()
    return [
        precision(count, area=area),
        precision(count, weights, area=area),
        precision(count, iou=0.5, area=area),
        precision(count, iou=0.75, area=area),
        recall(count, area=area),
    ]


def _told(
    figures: list[Float[Tensor, "b k"]], chosen: Callable[[Float[Tensor, "b k"]], Tensor]
) -> tuple[float, ...]:
    """Average precision, the ends of its interval, at 0.5, at 0.75, and the recall, of one row."""
    from cartograd.practice.metrics.interval import sides

    own, again, *others = map(chosen, figures)
    ends = torch.tensor(sides(len(again), 0.95), dtype=torch.float64)
    return (own.item(), *again.nanquantile(ends).tolist(), *(one.item() for one in others))
