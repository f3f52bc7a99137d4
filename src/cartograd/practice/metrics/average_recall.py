"""Average recall: how many of the boxes that are there are found, however unsure.

The share of boxes that are hit by one found in their class, where at most so many of a picture and
class count, averaged over classes and over the IoU thresholds 0.5, 0.55, ..., 0.95. It forgives
wrong boxes, which precision does not.

    AR_m = mean_k mean_t (boxes of k hit at t by the m surest of each picture / boxes of k)

Shapes: found `n d 6`: corners as shares of the picture, score, class (-1 fills up); right answers
`n q 9` (`core.boxes`).

Departures: as of `coco-map`.

References:
    Jan Hosang, Rodrigo Benenson, Piotr Dollár, Bernt Schiele. What makes for effective detection
    proposals? PAMI 2016. https://arxiv.org/abs/1502.05082

>>> import torch
>>> right = torch.tensor([[[0, 0.1, 0.1, 0.5, 0.5, 0, 1600, 100, 100]]])
>>> found = torch.tensor([[[0.1, 0.1, 0.5, 0.4, 0.1, 0], [0.6, 0.6, 0.9, 0.9, 0.9, 0]]])
>>> round(average_recall(found, right), 4), average_recall(found, right, detections=1)
(0.6, 0.0)
"""

import functools

from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.practice.metrics import box_precision
from cartograd.practice.metrics.coco_map import Area
from cartograd.practice.metrics.matched_boxes import MOST, counted

CARD = Card(
    name="average-recall",
    kind="metric",
    entry="average_recall",
    nodes=("metric/map",),
    title="Average recall of boxes",
    zh="平均召回率",
    better="higher",
    unit="%",
    paper="What makes for effective detection proposals?",
    year=2016,
    url="https://arxiv.org/abs/1502.05082",
    proofs=(
        "oracle: pycocotools on drawn pictures, of the 1, 10 and 100 surest boxes, by size, to "
        "1e-6",
    ),
    evidence={"metric/map": ("test_precision_and_recall_are_those_of_pycocotools",)},
)


def average_recall(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    detections: int = MOST,
    area: Area = "all",
) -> float:
    """The average recall.

    Args:
        outputs: boxes found.
        targets: boxes that are there.
        detections: boxes found that count in each picture and class, up to 100.
        area: of the boxes that count: all, small (below 32 x 32 pixels), medium or large (above
            96 x 96).
    """
    count = counted(outputs, targets)
    return box_precision.of_classes(box_precision.recall(count, most=detections, area=area)).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
    *,
    detections: int = MOST,
    area: Area = "all",
) -> Float[Tensor, " b"]:
    """The average recall under each weighting of the pictures."""
    count = counted(outputs, targets)
    each = box_precision.recall(count, weights.double(), most=detections, area=area)
    return box_precision.of_classes(each)


def limits(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    level: float = 0.95,
    detections: int = MOST,
    area: Area = "all",
) -> tuple[float, float]:
    """The interval, pictures drawn with replacement."""
    measure = functools.partial(box_precision.recall, most=detections, area=area)
    return box_precision.resampled(measure, counted(outputs, targets), level=level)
