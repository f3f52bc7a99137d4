"""A class for each pixel; the first dimension counts the classes."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="segment",
    means="one of {classes} classes at each pixel",
    answer=ANSWERS + "segment",
    target="class",
    objective="segment",
    metrics=("mask-iou", "dice", "accuracy", "nll"),
    sections=("masks",),
    classes_axis=0,
    each=True,
    of_pixels=True,
    explained="class",
    refusals={
        "attack": "attacks mislead classifiers; this model answers with a mask",
    },
)
