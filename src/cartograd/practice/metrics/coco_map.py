"""COCO's mean average precision: how many boxes are right, and how sure they are of it.

A box is right if its class is, and its overlap (IoU) with a box that is there is at least a
threshold; each box that is there can be hit once. For each class, precision is averaged over
recall as the threshold on the score falls: right boxes have to come before wrong ones. The mean is
over classes and over the IoU thresholds 0.5, 0.55, ..., 0.95, so that boxes that fit well count
for more; `iou=0.5` is the number called AP50.

    AP_k(t) = 1/101 sum_{r = 0, 0.01, ..., 1} max_{recall >= r} precision,    mAP = mean_t mean_k

Shapes: found `n d 6`: corners as shares of the picture, score, class (-1 fills up); right answers
`n q 9` (`core.boxes`).

Departures: none from COCO's own code (crowds, ties, the 100 surest boxes of a picture and class),
but that classes which are nowhere in the pictures are left out, where it says -1 if there are no
others.

References:
    Tsung-Yi Lin et al. Microsoft COCO: common objects in context. ECCV 2014.
    https://arxiv.org/abs/1405.0312

>>> import torch
>>> right = torch.tensor([[[0, 0.1, 0.1, 0.5, 0.5, 0, 1600, 100, 100]]])
>>> found = torch.tensor([[[0.1, 0.1, 0.5, 0.45, 0.9, 0]]])
>>> round(coco_map(found, right), 4), coco_map(found, right, iou=0.9)
(0.8, 0.0)
"""

import functools
from typing import Literal

from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import box_precision
from cartograd.practice.metrics.matched_boxes import counted

CARD = Card(
    name="coco-map",
    kind="metric",
    entry="coco_map",
    nodes=("metric/map",),
    title="COCO's mean average precision of boxes",
    short="mAP",
    zh="COCO 平均精度均值",
    better="higher",
    unit="%",
    aliases=("map",),
    paper="Microsoft COCO: common objects in context",
    year=2014,
    url="https://arxiv.org/abs/1405.0312",
    proofs=(
        "oracle: pycocotools on drawn pictures, with ties, crowds, empty pictures, boxes that hold "
        "nothing and more than count, by size and class and at each threshold, to 1e-6",
        "law: parts of the pictures, counted apart and put together, give what the whole gives",
    ),
    evidence={"metric/map": ("test_precision_and_recall_are_those_of_pycocotools",)},
)

Area = Literal["all", "small", "medium", "large"]


def coco_map(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    iou: float | None = None,
    area: Area = "all",
) -> float:
    """The mean average precision.

    Args:
        outputs: boxes found.
        targets: boxes that are there.
        iou: from which overlap on a box is right; the mean over 0.5, 0.55, ..., 0.95 if left out.
        area: of the boxes that count: all, small (below 32 x 32 pixels), medium or large (above
            96 x 96).
    """
    count = counted(outputs, targets)
    return box_precision.of_classes(box_precision.precision(count, iou=iou, area=area)).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
    *,
    iou: float | None = None,
    area: Area = "all",
) -> Float[Tensor, " b"]:
    """The mean average precision under each weighting of the pictures."""
    count = counted(outputs, targets)
    each = box_precision.precision(count, weights.double(), iou=iou, area=area)
    return box_precision.of_classes(each)


def limits(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    level: float = 0.95,
    iou: float | None = None,
    area: Area = "all",
) -> tuple[float, float]:
    """The interval, pictures drawn with replacement."""
    measure = functools.partial(box_precision.precision, iou=iou, area=area)
    return box_precision.resampled(measure, counted(outputs, targets), level=level)
