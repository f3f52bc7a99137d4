"""One class for each example: a logit for each class."""

from cartograd.core.task import ANSWERS, Task

TASK = Task(
    name="classify",
    means="one of {classes} classes",
    answer=ANSWERS + "classify",
    classes_axis=0,
    target="class",
    objective="classify",
    metrics=("accuracy", "f1", "nll", "ece"),
    metrics_of_two=("accuracy", "precision", "recall", "f1", "nll", "ece"),
    metrics_of_many=("accuracy", "nll"),
    sections=("confusion", "ranking", "reliability", "mistakes"),
    explained="class",
    attacked="class",
    head="classify",
)
