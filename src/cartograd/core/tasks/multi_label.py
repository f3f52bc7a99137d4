"""Any number of classes for each example: a logit of its own for each."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="multi-label",
    means="any of {classes} classes",
    answer=ANSWERS + "multi_label",
    classes_axis=0,
    explained="class",
    head="classify",
    refusals={
        "attack": "attacks mislead classifiers; this model answers with several classes at once",
        "train": "train has no objective for several classes at once yet; give objective=...",
        "evaluate": "evaluate has no metrics for several classes at once yet; give metrics=...",
    },
)
