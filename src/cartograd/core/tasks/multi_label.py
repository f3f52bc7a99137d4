"""Any number of classes for each example: a logit of its own for each, a target of 0 and 1."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="multi-label",
    means="any of {classes} classes",
    answer=ANSWERS + "multi_label",
    classes_axis=0,
    target="classes",
    objective="multi-label",
    metrics=("f1", "precision", "recall", "accuracy"),
    sections=("labels",),
    explained="class",
    head="classify",
    refusals={
        "attack": "attacks mislead classifiers; this model answers with several classes at once",
    },
)
