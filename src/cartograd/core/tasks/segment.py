"""A class for each pixel; the first dimension counts the classes."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="segment",
    means="one of {classes} classes at each pixel",
    answer=ANSWERS + "segment",
    target="class",
    classes_axis=0,
    refusals={
        "attack": "attacks mislead classifiers; this model answers with a mask",
        "explain": (
            "explain follows one number of an answer back to the input; this model "
            "answers with a mask"
        ),
        "train": "train has no objective for segmentation yet; give objective=...",
        "evaluate": "evaluate has no metrics for segmentation yet; give metrics=...",
    },
)
