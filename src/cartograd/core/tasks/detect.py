"""Detection: for each position left, top, right and bottom as shares, then a logit per class.

Before the classes one number more may stand: how near the middle of a thing (`core.detections`).
"""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="detect",
    means="boxes of {classes} classes",
    answer=ANSWERS + "detect",
    target="boxes",
    objective="detect",
    metrics=("coco-map", "coco-map:iou=0.5", "coco-map:iou=0.75", "average-recall"),
    sections=("boxes",),
    explained="class",
    refusals={"attack": "attacks mislead classifiers; this model answers with boxes"},
)
